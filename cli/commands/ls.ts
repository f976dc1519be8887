import { PROVIDERS } from '#domain/providers.ts';
import { RUN_STATES } from '#domain/run-lifecycle.ts';
import { type Command, describeExamples } from '../command.ts';
import { choiceOption, choicesOption, wholeNumber } from '../option-words.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .option('-n, --limit <count>', 'how many, 1 to 1000', wholeNumber(1, 1_000), 20)
    .addOption(choicesOption('--state <states>', 'only runs in one of these states: running,paused', RUN_STATES))
    .addOption(choiceOption('--provider <provider>', 'only runs that train there', PROVIDERS))
    .option('--project <id>', 'only runs of this project')
    .option('--after <id>', 'only runs older than this one: the next page')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'ls', about: 'the newest 20' },
        { line: 'ls -n 100 --state failed', about: 'what went wrong' },
        { line: "ls --json | jq -r '.items[].id'", about: 'for a script' },
      ]),
    )
    .action(async ({ limit, ...filter }) => {
      const [plane, { listRuns }, { renderTable }, { runColumns }] = await Promise.all([
        session.plane(),
        import('../plane/runs.ts'),
        import('../text/table.ts'),
        import('../text/run-words.ts'),
      ]);
      const list = await listRuns(plane, { limit, ...filter });
      session.print('ls', list, (colors) => {
        if (list.items.length === 0) return `no runs${list.total > 0 ? ' here' : ' yet'} at ${plane.url}`;
        const table = renderTable(list.items, runColumns(colors, Date.now()), { colors, terminalColumns: session.terminalColumns });
        const last = list.items.at(-1)?.id;
        const more = list.next === null ? '' : colors.dim(`\n${list.items.length} of ${list.total}; older: --after ${last}`);
        return table + more;
      });
    });
