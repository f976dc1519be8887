import { type Command, describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

const MOST_STEPS = Number.MAX_SAFE_INTEGER;

export const define = (command: Command, session: Session) =>
  command
    .description("Show a run's curves, over all its attempts. A point stands for neighbouring steps, with their least, greatest and mean.")
    .argument('<run>', RUN_ARGUMENT)
    .argument('[names...]', 'which curves; default: all')
    .option('--from-step <step>', 'from this step on', wholeNumber(0, MOST_STEPS))
    .option('--to-step <step>', 'up to this step', wholeNumber(0, MOST_STEPS))
    .option('--points <count>', 'at most so many for each curve, 1 to 1024', wholeNumber(1, 1_024), 48)
    .addHelpText(
      'after',
      describeExamples([
        { line: 'metrics last', about: 'every curve in a line' },
        { line: 'metrics last loss eval_loss --points 500 --json', about: 'for a plot' },
      ]),
    )
    .action(async (reference, names, { fromStep, toStep, points }) => {
      const [plane, { findRunId }, { readMetrics }, { describeCurves }, { usageFailure }] = await Promise.all([
        session.plane(),
        import('../plane/find-run.ts'),
        import('../plane/runs.ts'),
        import('../text/curve-words.ts'),
        import('../exit-code.ts'),
      ]);
      const id = await findRunId(plane, reference);
      const curves = await readMetrics(plane, id, {
        points,
        from_step: fromStep,
        to_step: toStep,
        ...(names.length > 0 && { names: names.join(',') }),
      });
      const unknown = names.find((name) => !curves.names.includes(name));
      if (unknown !== undefined) throw usageFailure(`${id} has no curve '${unknown}'; it has ${curves.names.join(', ') || 'none yet'}`);
      session.print('metrics', curves, (colors) => describeCurves(id, curves, colors));
    });
