import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';
import { addTrainingOptions } from '../train/training-options.ts';

export function define(command: Command, session: Session): void {
  const own = command
    .description(
      'Let a paused run go on from its newest checkpoint; or, with --from, start a new run from a checkpoint of any run, with the same configuration and what the options lay over it. It is followed then, as by "train".',
    )
    .argument('<run>', RUN_ARGUMENT)
    .option('--from <checkpoint>', "start a new run from it: 'latest', 'best', a name (step-000100), a step, or its id (ckpt_...)")
    .option('-d, --detach', 'do not follow it')
    .option('--name <name>', 'of the new run')
    .option('--data <data>', 'other training data, as the plane names them');
  addTrainingOptions(command);
  own
    .addHelpText(
      'after',
      describeExamples([
        { line: 'resume last', about: 'after "pause"' },
        { line: 'resume last --from latest --max-steps 600', about: 'train on where it ended' },
        { line: 'resume run_01... --from best --learning-rate 1e-5 -d', about: 'from the checkpoint of the least eval loss' },
      ]),
    )
    .action(async (reference, options) => {
      const [{ resume }, { toConfig }] = await Promise.all([import('../train/resume.ts'), import('../train/to-config.ts')]);
      const { from, detach, name, data } = options;
      const config = { ...toConfig(options, session.world), ...(data !== undefined && { dataset_name: data }) };
      await resume(session, reference, { from: from ?? null, name: name ?? null, isDetached: detach === true, config });
    });
}
