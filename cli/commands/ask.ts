import { type Command, describeExamples } from '../command.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Ask base and tuned model the same thing, side by side, on this machine. The plane need not run where its home is here; else the adapter is fetched from it.',
    )
    .argument('<run>', RUN_ARGUMENT)
    .argument('<question...>', 'one or several')
    .addHelpText('after', describeExamples([{ line: 'ask last "Turn off the router in the porch."', about: '' }]))
    .action(async (reference, questions) => {
      const { askModel } = await import('../machine/ask-model.ts');
      await askModel(session, reference, questions);
    });
