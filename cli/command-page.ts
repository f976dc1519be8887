/** docs/cli.md, written from what each command says of itself. */
import { PassThrough } from 'node:stream';
import { ANSWERS, ANSWERS_BY_LINE } from './answers.ts';
import type { Command } from './command.ts';
import { COMMAND_TABLE } from './command-table.ts';
import { buildProgram } from './program.ts';

const HEAD = `# The command line

Written by \`npm run generate\` from the commands' own help: change it there.

\`npx tuneplane <command>\` anywhere in the repository, \`npm run cli -- <command>\` likewise (\`npm run -s cli -- <command>\` where its output is read by a
program: npm prints a line of its own else), \`tuneplane <command>\` where the package is installed.

- **Which plane.** The first that says so: \`--url\`, \`--profile\`, \`TUNEPLANE_URL\`, \`TUNEPLANE_PROFILE\`, the current profile of
  \`$XDG_CONFIG_HOME/tuneplane/config.yaml\` (else \`~/.config\`), \`http://127.0.0.1:8000\` (or \`PORT\`). The token is \`TUNEPLANE_TOKEN\` or the profile's; \`TRAINER_API_TOKEN\`
  is sent to this machine alone.
- **Output.** The answer goes to standard output, and nothing else does; plans, questions, progress and errors go to standard error. With \`--json\` the
  answer is one JSON document, of \`logs\`, \`events\` and \`ps -w\` one a line; [cli-answers.schema.json](cli-answers.schema.json) has the schema of each
  (\`$defs\`, by the words of the command), and an error is \`{"error": {code, message, remedy, exit_code}}\` on standard error.
- **Exit codes.** 0 done, 1 failed, 2 asked for wrongly, 3 the run was stopped, 130 left by Ctrl-C. Commands that follow a run end as the run does.
  Ctrl-C leaves the run alone, always.
- **A plane that is away.** A command that reached it once waits for it, says so, and goes on; who follows a run waits without end, and loses no line
  and sees none twice. What creates or acts carries an \`Idempotency-Key\` through all its tries.
- **A proxy or a certificate of your own**: Node's \`NODE_USE_ENV_PROXY=1\` with \`HTTPS_PROXY\`, and \`NODE_EXTRA_CA_CERTS\`.
- **Questions** are asked on a terminal only; \`-y\` answers them.
`;

/** @returns Markdown; the same for the same commands, whatever the terminal */
export async function describeCommands(): Promise<string> {
  let shown = '';
  const { command: program, load } = buildProgram({
    variables: {},
    workingFolder: '/',
    input: new PassThrough(),
    output: { write: (text) => (shown += text) },
    errors: { write: () => {} },
    interrupted: new AbortController().signal,
    calledAs: 'tuneplane',
  });
  program.configureHelp({ showGlobalOptions: false });
  const helpOf = (command: Command): string => {
    shown = '';
    command.outputHelp();
    return shown.trim();
  };
  const parts = [HEAD, '```', helpOf(program), '```'];
  for (const { name } of COMMAND_TABLE) {
    await load(name);
    const command = program.commands.find((candidate) => candidate.name() === name) as Command;
    parts.push('', `## ${name}`, ...describeCommand(command, name, helpOf));
    for (const sub of command.commands)
      parts.push('', `### ${name} ${sub.name()}`, ...describeCommand(sub as Command, `${name} ${sub.name()}`, helpOf));
  }
  return `${parts.join('\n')}\n`;
}

function describeCommand(command: Command, words: string, helpOf: (command: Command) => string): string[] {
  command.configureHelp({ showGlobalOptions: false });
  const answer = Object.hasOwn(ANSWERS, words) ? ['', `\`--json\`: ${describeAnswer(words)}`] : [];
  return ['', '```', helpOf(command), '```', ...answer];
}

function describeAnswer(words: string): string {
  const anchor = `[\`${words}\`](cli-answers.schema.json)`;
  return ANSWERS_BY_LINE.some((name) => name === words) ? `a line each, ${anchor}` : anchor;
}
