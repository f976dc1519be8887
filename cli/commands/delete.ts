import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Delete runs that are over, with all that they stored. Refused where something is tagged, or another run went on from it.')
    .argument('<run...>', RUN_ARGUMENT)
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', describeExamples([{ line: 'delete run_01...', about: 'asks first' }]))
    .action(async (references, { yes }) => {
      const { deleteRuns } = await import('../order-runs.ts');
      await deleteRuns(session, references, yes === true);
    });
