/** One invocation: what its user asked for in general, how it answers, and the plane it talks to. */
import { createInterface } from 'node:readline/promises';
import pc from 'picocolors';
import type { AnswerName, AnswerOf } from './answers.ts';
import { EXIT, type ExitCode, Interrupted } from './exit-code.ts';
import type { PlaneClient } from './plane/plane-client.ts';
import { hasTerminal, type TextStream, type World } from './world.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: true | undefined;
  readonly url?: string | undefined;
  readonly profile?: string | undefined;
  readonly debug?: true | undefined;
  readonly color?: boolean | undefined;
}

export type Colors = ReturnType<typeof pc.createColors>;

export class Session {
  readonly world: World;
  exitCode: ExitCode = EXIT.done;
  readonly #options: () => GlobalOptions;
  #client: Promise<PlaneClient> | undefined;

  constructor(world: World, options: () => GlobalOptions) {
    this.world = world;
    this.#options = options;
  }

  get isJson(): boolean {
    return this.#options().json === true;
  }

  /** Whether an option says which plane is meant. */
  get namesPlane(): boolean {
    const { url, profile } = this.#options();
    return url !== undefined || profile !== undefined;
  }

  /** The command's own name for itself in a sentence: `npx tuneplane stop run_...`. */
  sayCommand(words: string): string {
    return `${this.world.calledAs} ${words}`;
  }

  /** For what is printed. */
  get colors(): Colors {
    return pc.createColors(this.#isColourful(this.world.output));
  }

  /** For what is said beside it. */
  get noteColors(): Colors {
    return pc.createColors(this.#isColourful(this.world.errors));
  }

  /** undefined where the answer goes elsewhere than to a terminal: nothing is cut then */
  get terminalColumns(): number | undefined {
    return this.world.output.isTTY ? this.world.output.columns : undefined;
  }

  /** The answer: a document with `--json`, else text for people. */
  print<Name extends AnswerName>(_name: Name, value: AnswerOf<Name>, text: (colors: Colors) => string): void {
    this.world.output.write(`${this.isJson ? JSON.stringify(value, null, 2) : text(this.colors)}\n`);
  }

  /** One of many: a line of JSON with `--json`, else a line for people. */
  printLine<Name extends AnswerName>(_name: Name, value: AnswerOf<Name>, text: (colors: Colors) => string): void {
    this.world.output.write(`${this.isJson ? JSON.stringify(value) : text(this.colors)}\n`);
  }

  /** Something to know that is not the answer. */
  note(text: string): void {
    this.world.errors.write(`${text}\n`);
  }

  /** The plane, as the options say. @throws CommandFailure where they make no sense */
  plane(): Promise<PlaneClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** Asks; without a terminal nobody is there to ask, and what was ordered is done. @throws Interrupted */
  async confirm(question: string, meantByEnter: 'yes' | 'no'): Promise<boolean> {
    if (!hasTerminal(this.world)) return true;
    const answer = await this.ask(`${question} ${meantByEnter === 'yes' ? '[Y/n]' : '[y/N]'} `);
    return answer !== null && (meantByEnter === 'yes' ? /^(y|yes|)$/i : /^(y|yes)$/i).test(answer.trim());
  }

  /** @returns the line; null where the input is over. @throws Interrupted */
  async ask(question: string): Promise<string | null> {
    const { input, errors, interrupted } = this.world;
    errors.write(question);
    const lines = createInterface({ input, terminal: false });
    try {
      return await new Promise<string | null>((resolve, reject) => {
        const leave = (): void => reject(new Interrupted());
        if (interrupted.aborted) leave();
        interrupted.addEventListener('abort', leave, { once: true });
        lines.once('line', resolve);
        lines.once('close', () => resolve(null));
      });
    } finally {
      lines.close();
    }
  }

  async #connect(): Promise<PlaneClient> {
    const [{ findConnection }, { PlaneClient }] = await Promise.all([
      import('./settings/connection.ts'),
      import('./plane/plane-client.ts'),
    ]);
    const { url, profile, debug } = this.#options();
    return new PlaneClient({
      connection: await findConnection({ url, profile }, this.world),
      interrupted: this.world.interrupted,
      notice: (sentence) => this.note(this.noteColors.yellow(sentence)),
      trace: debug ? (line) => this.note(this.noteColors.dim(line)) : () => {},
    });
  }

  /** https://no-color.org: any value but an empty one turns colours off. */
  #isColourful(stream: TextStream): boolean {
    const { variables } = this.world;
    if (this.#options().color === false || variables['NO_COLOR']) return false;
    if (variables['FORCE_COLOR'] && variables['FORCE_COLOR'] !== '0') return true;
    return stream.isTTY === true && variables['TERM'] !== 'dumb';
  }
}
