import type { Command } from '../command.ts';
import { describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .option('-w, --watch', 'draw it again until Ctrl-C; with --json a line each time it changed')
    .option('--every <seconds>', 'how often to look, 1 to 3600', wholeNumber(1, 3_600), 2)
    .addHelpText(
      'after',
      describeExamples([
        { line: 'ps', about: 'what waits, trains or is paused' },
        { line: 'ps -w', about: 'the same, live' },
      ]),
    )
    .action(async ({ watch, every }) => {
      const { showLiveRuns, watchLiveRuns } = await import('../follow/live-runs.ts');
      await (watch ? watchLiveRuns(session, every) : showLiveRuns(session));
    });
