import { type Command, describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Start a plane on this machine, until Ctrl-C. Runs go on without it, and the next start takes them up again.')
    .option('--port <port>', 'to answer on; default: PORT, else 8000', wholeNumber(0, 65_535))
    .option('--home <folder>', 'for all state; default: TUNEPLANE_HOME, else .tuneplane')
    .option('--data-root <folder>', 'data, models and output folders lie below it; default: TUNEPLANE_DATA_ROOT, else .')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'start', about: 'on http://127.0.0.1:8000' },
        { line: 'start --port 9000 --home ~/tuneplane --data-root ~/data', about: 'beside another one' },
      ]),
    )
    .action(async ({ port, home, dataRoot }) => {
      const { start } = await import('../machine/start-plane.ts');
      await start(session, {
        PORT: port === undefined ? undefined : String(port),
        TUNEPLANE_HOME: home,
        TUNEPLANE_DATA_ROOT: dataRoot,
      });
    });
