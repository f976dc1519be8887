import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';
import { addTrainingOptions } from '../train/training-options.ts';

export function define(command: Command, session: Session): void {
  const own = command
    .description(
      'Start a run. The plan is shown first: every parameter, where it comes from, and the data. Then the run is followed: its log, one line of progress, and an exit code that says how it ended. Ctrl-C leaves the run alone.',
    )
    .argument('[source]', 'a configuration (.yaml, .json), one that is saved (name or cfg_...), or data alone (.jsonl, dataset:<name>)')
    .option('-d, --detach', 'do not follow it')
    .option('-y, --yes', 'do not ask; without a terminal nobody is asked')
    .option('--dry-run', 'show the plan, and start nothing')
    .option('--project <id>', 'the run belongs to this project, whose base and hyperparameters it takes where none are given')
    .option('--name <name>', 'of the run')
    .option('--data <data>', 'training data: a file of this machine, dataset:<name>, a Hugging Face id, s3://..., or a path of the plane');
  addTrainingOptions(command);
  own
    .addHelpText(
      'after',
      describeExamples([
        { line: 'train examples/alpaca.jsonl --base tiny-llama --max-steps 300', about: 'data and a base are enough' },
        { line: 'train run.yaml --learning-rate 1e-4', about: 'a file, and something over it' },
        { line: 'train nightly -d -y --json', about: 'a saved configuration, from a script' },
        { line: 'train --base Qwen/Qwen3-0.6B --data dataset:poems --peft qlora --dry-run', about: 'what it would be' },
      ]),
    )
    .action(async (source, options) => {
      const [{ train }, { toConfig }] = await Promise.all([import('../train/train.ts'), import('../train/to-config.ts')]);
      const { data, project, name, detach, yes, dryRun } = options;
      await train(session, {
        source: source ?? null,
        config: toConfig(options, session.world),
        data: data ?? null,
        project: project ?? null,
        name: name ?? null,
        isSure: yes === true,
        isDryRun: dryRun === true,
        isDetached: detach === true,
      });
    });
}
