import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Have runs save a checkpoint after their present step, and go on.')
    .argument('<run...>', RUN_ARGUMENT)
    .option('--wait', 'until it is saved')
    .addHelpText('after', describeExamples([{ line: 'checkpoint last --wait', about: 'before something that may go wrong' }]))
    .action(async (references, { wait }) => {
      const { orderRuns } = await import('../order-runs.ts');
      await orderRuns(session, references, { order: 'checkpoint', isToWait: wait === true, question: null });
    });
