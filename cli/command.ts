/** A command: one file in commands/, loaded only when it is asked for. Its row stands in command-table.ts, its `--json` in answers.ts. */
import type { Command as AnyCommand } from '@commander-js/extra-typings';
import type { Session } from './session.ts';

export type Command = AnyCommand;

export interface CommandModule {
  /** Arguments, options, examples and action. Light: what the action needs is imported by the action, so that `--help` is quick. */
  define(command: Command, session: Session): unknown;
}

export interface CommandRow {
  readonly name: string;
  readonly alias?: string;
  /** one line, lower case, no full stop */
  readonly summary: string;
  /** the heading that it stands under in the help */
  readonly group: string;
  load(): Promise<CommandModule>;
}

export interface Example {
  /** without the program's name */
  readonly line: string;
  readonly about: string;
}

/** The foot of a command's help: `tuneplane <line>`, with what it is good for. */
export function describeExamples(examples: readonly Example[]): string {
  const lines = examples.map(({ line }) => `  $ tuneplane ${line}`);
  const width = Math.min(64, Math.max(...lines.map((line) => line.length)));
  return `\nExamples:\n${examples.map(({ about }, index) => `${(lines[index] ?? '').padEnd(width)}  # ${about}`).join('\n')}`;
}
