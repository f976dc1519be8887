/** The program as commander knows it: every command by name and summary; the one that is asked for is loaded when it is asked for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import type { CommandRow } from './command.ts';
import { COMMAND_TABLE } from './command-table.ts';
import { Session } from './session.ts';
import type { World } from './world.ts';

/** Of help that is no terminal's: a page, a pipe. */
const PLAIN_COLUMNS = 110;

const FOOT = `
Exit codes:  0 done   1 failed   2 asked for wrongly   3 the run was stopped   130 left by Ctrl-C, which never stops a run
Environment: TUNEPLANE_URL, TUNEPLANE_TOKEN, TUNEPLANE_PROFILE, NO_COLOR
Planes by name stand in XDG_CONFIG_HOME/tuneplane/config.yaml: see "tuneplane profiles".`;

export interface Program {
  readonly command: Command;
  readonly session: Session;
  /** Loads a command in full. */
  load(name: string): Promise<void>;
}

export function buildProgram(world: World): Program {
  const program = new Command('tuneplane')
    .description('Fine-tune language models on a plane of your own.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'say what a command takes')
    .helpCommand(false)
    .option('--json', 'answer in JSON: docs/cli.md has the schema of each command')
    .option('--url <url>', 'address of the plane')
    .option('--profile <name>', 'the plane of this name in the configuration file')
    .option('--debug', 'show every request on standard error, without secrets')
    .option('--no-color', 'no colours')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => world.output.write(text),
      writeErr: () => {}, // an error is told once, by the one who ends the program
      outputError: () => {},
      getOutHelpWidth: () => (world.output.isTTY ? (world.output.columns ?? PLAIN_COLUMNS) : PLAIN_COLUMNS),
      getErrHelpWidth: () => PLAIN_COLUMNS,
    })
    .exitOverride()
    .addHelpText('after', FOOT);
  const session = new Session(world, () => program.opts());
  const loaded = new Set<string>();

  for (const { name, alias, summary, group } of COMMAND_TABLE) {
    const command = program.command(name).summary(summary).description(summary).helpGroup(group).helpOption('-h, --help', 'this help');
    if (alias !== undefined) command.alias(alias);
  }
  const load = async (name: string): Promise<void> => {
    const command = program.commands.find((candidate) => candidate.name() === name);
    const row = COMMAND_TABLE.find((candidate) => candidate.name === name);
    if (!command || !row || loaded.has(name)) return;
    loaded.add(name);
    await define(row, command, session);
  };
  program.hook('preSubcommand', (_, command) => load(command.name()));
  return { command: program, session, load };
}

async function define(row: CommandRow, command: { readonly commands: readonly unknown[] }, session: Session): Promise<void> {
  const { define: fill } = await row.load();
  fill(command as Command, session);
}

function readVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}
