import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Pause runs: each saves a checkpoint, its process ends, and its slot is free. "resume" lets it go on.')
    .argument('<run...>', RUN_ARGUMENT)
    .option('--wait', 'until it is paused')
    .addHelpText('after', describeExamples([{ line: 'pause last --wait', about: 'free the GPU, and know when it is free' }]))
    .action(async (references, { wait }) => {
      const { orderRuns } = await import('../order-runs.ts');
      await orderRuns(session, references, { order: 'pause', isToWait: wait === true, question: null });
    });
