import { type Command, describeExamples } from '../command.ts';
import { lengthOfTime } from '../option-words.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Delete many runs by age: those that are over, hold no tag, and from which no other run went on. Says what is kept, and why.',
    )
    .requiredOption('--older-than <time>', 'over for at least so long: 12h, 90d', lengthOfTime)
    .option('--dry-run', 'say what would go, and leave it')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'gc --older-than 90d --dry-run', about: 'what would go' },
        { line: 'gc --older-than 90d -y', about: 'for a timer' },
      ]),
    )
    .action(async ({ olderThan, dryRun, yes }) => {
      const { collectOldRuns } = await import('../collect-old-runs.ts');
      await collectOldRuns(session, { olderThanSeconds: olderThan, isDryRun: dryRun === true, isSure: yes === true });
    });
