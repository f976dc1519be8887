import { type Command, describeExamples } from '../command.ts';
import { choiceOption, moment, wholeNumber } from '../option-words.ts';
import { RUN_ARGUMENT } from '../run-argument.ts';
import type { Session } from '../session.ts';
import words from '../words.json' with { type: 'json' };

export const define = (command: Command, session: Session) =>
  command
    .description("Print a run's log, over all its attempts. Following goes on through restarts of the plane, and ends with the run.")
    .argument('<run>', RUN_ARGUMENT)
    .option('-f, --follow', 'wait for more until the run is over')
    .option('--tail <lines>', 'only the last lines', wholeNumber(0, 1_000_000))
    .option('--since <time>', 'only lines from then on: 5m, 2h, 7d ago, or 2026-11-25T10:30:00Z', moment)
    .option('--until <time>', 'only lines before then', moment)
    .addOption(choiceOption('--level <level>', 'only lines of at least this level', words.logLevels))
    .option('--search <text>', 'only lines that hold this text, in any case')
    .option('-t, --timestamps', 'the time before each line')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'logs -f last', about: 'as it comes' },
        { line: 'logs run_01... --since 10m --level WARNING', about: 'what went wrong lately' },
        { line: 'logs run_01... --tail 100 -t', about: 'the end, with times' },
        { line: "logs -f last --json | jq -r 'select(.rank == 0).message'", about: 'a JSON object a line' },
      ]),
    )
    .action(async (reference, options) => {
      const [plane, { findRunId }, { printLogs }] = await Promise.all([
        session.plane(),
        import('../plane/find-run.ts'),
        import('../follow/print-logs.ts'),
      ]);
      await printLogs(session, plane, await findRunId(plane, reference), options);
    });
