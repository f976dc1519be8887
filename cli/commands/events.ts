import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description("Print a run's timeline: every state, attempt, checkpoint and reason, in order.")
    .argument('<run>', RUN_ARGUMENT)
    .option('-f, --follow', 'wait for more until the run is over')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'events last', about: 'how it came to this' },
        { line: 'events -f last --json | jq -r \'select(.type == "checkpoint-saved").message\'', about: 'a JSON object a line' },
      ]),
    )
    .action(async (reference, { follow = false }) => {
      const [plane, { findRunId }, { printEvents }] = await Promise.all([
        session.plane(),
        import('../plane/find-run.ts'),
        import('../follow/print-events.ts'),
      ]);
      await printEvents(session, plane, await findRunId(plane, reference), follow);
    });
