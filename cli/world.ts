/** What a command sees of the outside. Tests make one of strings; `bin/tuneplane.ts` makes one of the process. */
import type { Readable } from 'node:stream';

export interface TextStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface World {
  /** environment variables */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** absolute: where the user stands; paths that they give are relative to it */
  readonly workingFolder: string;
  readonly input: Readable & { readonly isTTY?: boolean | undefined };
  /** for the answer, and nothing else: it may be a pipe */
  readonly output: TextStream;
  /** for the way to it: plans, questions, progress, notes, errors */
  readonly errors: TextStream;
  /** aborted at the first Ctrl-C or SIGTERM */
  readonly interrupted: AbortSignal;
  /** how this program is called here: `tuneplane`, `npx tuneplane`, `npm run cli --` */
  readonly calledAs: string;
}

/** Whether a person sits there who can answer. */
export const hasTerminal = ({ input, errors }: Pick<World, 'input' | 'errors'>): boolean => input.isTTY === true && errors.isTTY === true;

/** Resolves at the first Ctrl-C or SIGTERM. */
export function untilInterrupted({ interrupted }: Pick<World, 'interrupted'>): Promise<void> {
  return new Promise((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
}
