import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';
import { addTrainingOptions } from '../train/training-options.ts';

export function define(command: Command, session: Session): void {
  command.description('Configurations that are saved in the plane: "train <name>" starts one.').usage('[command]');
  command
    .command('ls', { isDefault: true })
    .summary('list them')
    .description('List saved configurations, newest first.')
    .addHelpText('after', describeExamples([{ line: 'configs', about: 'names, bases and data' }]))
    .action(async () => {
      const [plane, { listConfigs }, { describeConfigs }] = await Promise.all([
        session.plane(),
        import('../plane/sft.ts'),
        import('../text/config-words.ts'),
      ]);
      const configs = await listConfigs(plane);
      session.print('configs ls', configs, (colors) => describeConfigs(configs, colors, session.terminalColumns));
    });
  command
    .command('show')
    .summary('show one')
    .description('Show a saved configuration, as YAML that "train" takes.')
    .argument('<config>', 'its name, or cfg_...')
    .addHelpText('after', describeExamples([{ line: 'configs show nightly > run.yaml', about: 'to change it and train' }]))
    .action(async (reference) => {
      const [plane, { findConfig }, { renderConfig }] = await Promise.all([
        session.plane(),
        import('../train/run-source.ts'),
        import('../text/config-words.ts'),
      ]);
      const config = await findConfig(plane, reference);
      session.print('configs show', config, () => renderConfig(config.config));
    });
  const save = command
    .command('save')
    .summary('save one')
    .description('Save a configuration under a name. It is checked as one that starts a run.')
    .argument('<name>', 'to find it by; the newest of a name counts')
    .argument('[source]', 'a configuration (.yaml, .json), or one that is saved')
    .option('--data <data>', 'training data, as the plane names them: dataset:<name>, a Hugging Face id, s3://..., or a path of the plane');
  addTrainingOptions(save as unknown as Command);
  save
    .addHelpText(
      'after',
      describeExamples([
        { line: 'configs save nightly run.yaml', about: 'then: train nightly' },
        { line: 'configs save long nightly --max-steps 5000', about: 'the same, but longer' },
      ]),
    )
    .action(async (name, source, options) => {
      const [{ saveSource }, { toConfig }] = await Promise.all([import('../train/save-source.ts'), import('../train/to-config.ts')]);
      await saveSource(session, name, source ?? null, { data: options.data ?? null, config: toConfig(options, session.world) });
    });
}
