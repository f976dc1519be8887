import { type Command, describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import type { Session } from '../session.ts';

export function define(command: Command, session: Session): void {
  command.description('Rows that are stored in the plane, and named in a run as dataset:<name>.').usage('[command]');
  command
    .command('ls', { isDefault: true })
    .summary('list them')
    .description('List stored datasets.')
    .option('-n, --limit <count>', 'how many, 1 to 1000', wholeNumber(1, 1_000), 100)
    .addHelpText('after', describeExamples([{ line: 'datasets', about: 'names, rows and sizes' }]))
    .action(async ({ limit }) => {
      const [plane, { listDatasets }, { describeDatasets }] = await Promise.all([
        session.plane(),
        import('../plane/places.ts'),
        import('../text/dataset-words.ts'),
      ]);
      const list = await listDatasets(plane, limit);
      session.print('datasets ls', list, (colors) => describeDatasets(list.items, colors, session.terminalColumns));
    });
  command
    .command('show')
    .summary('look at one')
    .description('Show a dataset with its first rows.')
    .argument('<name>', 'of the dataset')
    .option('--rows <count>', 'how many rows, 1 to 100', wholeNumber(1, 100), 5)
    .addHelpText('after', describeExamples([{ line: 'datasets show poems --rows 20', about: '' }]))
    .action(async (name, { rows }) => {
      const [plane, { previewDataset }, { describeDataset }] = await Promise.all([
        session.plane(),
        import('../plane/places.ts'),
        import('../text/dataset-words.ts'),
      ]);
      const dataset = await previewDataset(plane, name.replace(/^dataset:/, ''), rows);
      session.print('datasets show', dataset, (colors) => describeDataset(dataset, colors, session.terminalColumns));
    });
  command
    .command('put')
    .summary('store one')
    .description(
      'Store a .jsonl or .json file of this machine. Every row is checked, and a bad one is named by its line. What had the name before is replaced; runs that began with it keep their rows.',
    )
    .argument('<file>', 'to store')
    .argument('[name]', 'default: as the file is called, with a part of its hash, so that nothing is replaced')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'datasets put poems.jsonl poems', about: 'then: train --data dataset:poems' },
        { line: 'datasets put big.jsonl', about: 'of gigabytes, too: it goes by a link, with progress' },
      ]),
    )
    .action(async (file, name) => {
      const { putFile } = await import('../data/put-file.ts');
      await putFile(session, file, name ?? null);
    });
}
