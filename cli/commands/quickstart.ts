import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Start a plane, build a tiny base model, fine-tune it on the examples for real, and show what it learned. On a terminal the plane stays up then.',
    )
    .option('--exit', 'end when it is done')
    .addHelpText('after', describeExamples([{ line: 'quickstart --exit', about: 'three minutes on two cores, the first time' }]))
    .action(async ({ exit }) => {
      const { quickstart } = await import('../machine/quickstart.ts');
      await quickstart(session, exit === true);
    });
