/** The command line as a test calls it: in this process with streams of text, or as a process of its own that can be signalled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { ANSWERS, type AnswerName, type AnswerOf } from '../../cli/answers.ts';
import { main } from '../../cli/main.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

export interface Ran {
  readonly code: number;
  /** standard output */
  readonly output: string;
  /** standard error */
  readonly errors: string;
}

export interface CallOptions {
  readonly variables?: Readonly<Record<string, string>>;
  readonly workingFolder?: string;
  /** what its user types; with it there is a terminal */
  readonly typed?: string;
  /** what standard input holds, without a terminal */
  readonly piped?: string;
  readonly interrupted?: AbortSignal;
  /** told each piece of output as it comes */
  readonly onText?: (text: string) => void;
  /** standard output is a terminal of so many columns */
  readonly columns?: number;
}

/** Calls a command. Nothing of this machine's own settings reaches it. */
export async function callCommand(words: readonly string[], options: CallOptions = {}): Promise<Ran> {
  const { variables = {}, workingFolder = '/', typed, piped, interrupted, onText = () => {}, columns } = options;
  let output = '';
  let errors = '';
  const input = Object.assign(new PassThrough(), { isTTY: typed !== undefined });
  if (typed !== undefined) input.write(typed);
  else input.end(piped ?? '');
  const code = await main(words, {
    variables: { HOME: '/nonexistent', ...variables },
    workingFolder,
    input,
    output: {
      isTTY: columns !== undefined,
      columns,
      write: (text) => {
        output += text;
        onText(text);
      },
    },
    errors: {
      isTTY: typed !== undefined,
      columns: 200,
      write: (text) => {
        errors += text;
        onText(text);
      },
    },
    interrupted: interrupted ?? new AbortController().signal,
    calledAs: 'tuneplane',
  });
  return { code, output, errors };
}

/** What a command answered with `--json`, against its schema: nothing may be missing, and nothing may stand there that the schema does not know. */
export function readAnswer<Name extends AnswerName>(name: Name, text: string): AnswerOf<Name> {
  const value: unknown = JSON.parse(text);
  const answer = ANSWERS[name].parse(value) as AnswerOf<Name>;
  if (JSON.stringify(answer) !== JSON.stringify(value))
    throw new Error(`${name} answers what its schema does not know: ${text.slice(0, 500)}`);
  return answer;
}

/** A command as a process of its own, with what it printed so far. */
export class CommandProcess {
  output = '';
  errors = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  constructor(words: readonly string[], variables: Readonly<Record<string, string>>, workingFolder = REPOSITORY) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(REPOSITORY, 'bin', 'tuneplane.ts'), ...words], {
      cwd: workingFolder,
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.#child = child;
    this.#exit = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its exit code. */
  ended(): Promise<number | null> {
    return this.#exit;
  }
}

/** Looks every 40 ms for at most two minutes: a machine that is shared may be that slow. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error(`not so after two minutes: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
