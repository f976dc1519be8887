/** One command line, from its words to its exit code. Every error of every command is told here, in one form. */
import { CommanderError } from '@commander-js/extra-typings';
import { distance } from 'fastest-levenshtein';
import { CommandFailure, EXIT, type ExitCode, Interrupted, usageFailure } from './exit-code.ts';
import { buildProgram, type Program } from './program.ts';
import type { World } from './world.ts';

/** What a shell calls at each TAB; no command for people, so no row of the table. */
const COMPLETE = 'complete-words';

/** @returns the exit code; never throws */
export async function main(words: readonly string[], world: World): Promise<ExitCode> {
  const program = buildProgram(world);
  if (words[0] === COMPLETE) return complete(program, words.slice(words[1] === '--' ? 2 : 1));
  try {
    await program.command.parseAsync(withoutHelpWord(words), { from: 'user' });
    return program.session.exitCode;
  } catch (error) {
    return tell(error, program, words);
  }
}

async function complete(program: Program, words: readonly string[]): Promise<ExitCode> {
  const { completeWords } = await import('./completion/complete-words.ts');
  const { candidates, takesFiles } = await completeWords(program, words);
  const lines = candidates.map(({ word, about }) => `${word}\t${about}`);
  program.session.world.output.write([...lines, ...(takesFiles ? [':files'] : []), ''].join('\n'));
  return EXIT.done;
}

/** `help train` is `train --help`. */
const withoutHelpWord = (words: readonly string[]): string[] => (words[0] === 'help' ? [...words.slice(1), '--help'] : [...words]);

function tell(error: unknown, { command, session }: Program, words: readonly string[]): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done; // it helped, or said its version
  if (error instanceof CommanderError && error.code === 'commander.help') {
    command.outputHelp(); // nothing was asked for
    return EXIT.usage;
  }
  if (error instanceof Interrupted && !session.isJson) {
    if (error.message !== '') session.note(error.message.replaceAll('\n', '\n  '));
    return error.exitCode;
  }
  const failure = toFailure(error, words, command, session.world.calledAs);
  if (session.isJson || words.includes('--json'))
    session.note(
      JSON.stringify({ error: { code: failure.code, message: failure.message, remedy: failure.remedy, exit_code: failure.exitCode } }),
    );
  else {
    const { red, dim } = session.noteColors;
    const [first = '', ...more] = failure.message.split('\n');
    session.note(
      [`${red('error:')} ${first}`, ...more.map((line) => `  ${line}`), ...(failure.remedy ? [dim(`  ${failure.remedy}`)] : [])].join('\n'),
    );
  }
  return failure.exitCode;
}

function toFailure(error: unknown, words: readonly string[], program: Program['command'], calledAs: string): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof CommanderError) return toUsageFailure(error, words, program, calledAs);
  const message = error instanceof Error ? error.message : String(error);
  const isFault = !(error instanceof Error) || error.name !== 'Error'; // a bug of ours: TypeError and its kind
  const remedy = isFault ? 'this is a fault of the command itself: --debug shows where' : null;
  const stack = isFault && words.includes('--debug') && error instanceof Error ? `\n${error.stack}` : '';
  return new CommandFailure(isFault ? 'fault' : 'failed', message + stack, { remedy, cause: error });
}

function toUsageFailure(
  { code, message }: CommanderError,
  words: readonly string[],
  program: Program['command'],
  calledAs: string,
): CommandFailure {
  const [name, next] = words.filter((word) => !word.startsWith('-'));
  const group = program.commands.find((candidate) => candidate.name() === name && candidate.commands.length > 0);
  const help = code === 'commander.unknownCommand' || name === undefined ? '--help' : `${name} --help`;
  const remedy = `"${calledAs} ${help}" says what there is`;
  if (code === 'commander.excessArguments' && group && next !== undefined) {
    const known = group.commands.map((command) => command.name());
    const near = known.find((word) => distance(word, next) <= 2);
    if (!known.includes(next))
      return usageFailure(
        `unknown command '${next}' of ${name}${near ? `, did you mean ${near}` : `; there are ${known.join(', ')}`}`,
        remedy,
      );
  }
  const [sentence = '', suggestion] = message.replace(/^error: /, '').split('\n');
  return usageFailure(suggestion ? `${sentence}, ${suggestion.replace(/^\(D(.*)\?\)$/, 'd$1')}` : sentence, remedy);
}
