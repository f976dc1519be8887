import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export function define(command: Command, session: Session): void {
  command.description('What a run made: its adapter or model, samples and other results, and its checkpoints.').usage('[command] <run>');
  command
    .command('ls', { isDefault: true })
    .summary('list them')
    .description('List what a run made: results with their files, then checkpoints.')
    .argument('<run>', RUN_ARGUMENT)
    .addHelpText('after', describeExamples([{ line: 'artifacts ls last', about: 'ids, sizes and tags' }]))
    .action(async (reference) => {
      const { printArtifacts } = await import('../artifacts/print-artifacts.ts');
      await printArtifacts(session, reference);
    });
  command
    .command('download')
    .summary('fetch files, and check them')
    .description(
      'Fetch what a run made. What broke off goes on where it was, and every file is compared with its SHA-256 before it gets its name; one that is there already, whole, is not fetched again.',
    )
    .argument('<run>', RUN_ARGUMENT)
    .argument(
      '[what...]',
      'kinds (adapter, model, samples, evaluation ...), files, or checkpoints (step-000100, latest, best); default: every result',
    )
    .option('-o, --output <folder>', 'where to; default: a folder called as the run')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'artifacts download last', about: 'every result' },
        { line: 'artifacts download last adapter -o ./adapter', about: 'the adapter alone' },
        { line: 'artifacts download last latest', about: 'the newest checkpoint' },
      ]),
    )
    .action(async (reference, what, { output }) => {
      const { downloadArtifacts } = await import('../artifacts/download-artifacts.ts');
      await downloadArtifacts(session, reference, what, output ?? null);
    });
}
