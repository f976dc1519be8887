import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .argument('<run>', RUN_ARGUMENT)
    .addHelpText(
      'after',
      describeExamples([
        { line: 'show last', about: 'state, progress, parameters and why they are so' },
        { line: 'show last --json | jq .parameters', about: 'every hyperparameter as the trainer is told' },
      ]),
    )
    .action(async (reference) => {
      const [plane, { findRunId }, { getRun }, { describeRun }] = await Promise.all([
        session.plane(),
        import('../plane/find-run.ts'),
        import('../plane/runs.ts'),
        import('../text/run-words.ts'),
      ]);
      const run = await getRun(plane, await findRunId(plane, reference));
      session.print('show', run, (colors) => describeRun(run, colors, Date.now()));
    });
