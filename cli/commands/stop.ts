import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Stop runs. One that trains saves a final checkpoint first. It cannot be undone; "resume --from" starts a new run from the checkpoint.',
    )
    .argument('<run...>', RUN_ARGUMENT)
    .option('-y, --yes', 'do not ask')
    .option('--wait', 'until the compute is gone')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'stop last', about: 'asks first' },
        { line: 'stop -y --wait run_01... run_02...', about: 'for a script' },
      ]),
    )
    .action(async (references, { yes, wait }) => {
      const { orderRuns } = await import('../order-runs.ts');
      await orderRuns(session, references, { order: 'stop', isToWait: wait === true, question: yes ? null : 'Stop' });
    });
