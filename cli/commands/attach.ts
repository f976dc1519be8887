import { type Command, describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Follow a run to its end: its log, one line of progress below it, and an exit code that says how it ended. Ctrl-C leaves the run alone.',
    )
    .argument('<run>', RUN_ARGUMENT)
    .option('--tail <lines>', 'how much of what is logged already is shown', wholeNumber(0, 100_000), 20)
    .addHelpText(
      'after',
      describeExamples([
        { line: 'attach last', about: 'come back to the newest run' },
        { line: 'attach run_01... --tail 0 && ./next-step', about: 'wait until it is completed' },
      ]),
    )
    .action(async (reference, { tail }) => {
      const [plane, { findRunId }, { attachTo, describeEnd }] = await Promise.all([
        session.plane(),
        import('../plane/find-run.ts'),
        import('../follow/attach.ts'),
      ]);
      const run = await attachTo(session, plane, await findRunId(plane, reference), tail);
      session.print('attach', run, (colors) => describeEnd(run, session, colors));
    });
