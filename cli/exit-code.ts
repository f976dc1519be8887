/**
 * How a command ends, for scripts: 0 done, 1 failed, 2 asked for wrongly, 3 the run was stopped, 130 left by Ctrl-C. Who follows a run ends as the
 * run does; leaving it by Ctrl-C never stops it.
 */
import type { RunState } from '#domain/run-lifecycle.ts';

export const EXIT = { done: 0, failed: 1, usage: 2, stopped: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** @param state of a run that is over */
export const exitCodeOf = (state: RunState): ExitCode =>
  state === 'completed' ? EXIT.done : state === 'stopped' ? EXIT.stopped : EXIT.failed;

/** Ends a command with a sentence for people, a word for programs, and what to do about it. */
export class CommandFailure extends Error {
  /** stable, for programs */
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly remedy: string | null;

  constructor(
    code: string,
    message: string,
    { exitCode = EXIT.failed, remedy = null, cause }: { exitCode?: ExitCode; remedy?: string | null; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'CommandFailure';
    this.code = code;
    this.exitCode = exitCode;
    this.remedy = remedy;
  }
}

/** What was asked for cannot be meant. */
export const usageFailure = (message: string, remedy: string | null = null): CommandFailure =>
  new CommandFailure('usage', message, { exitCode: EXIT.usage, remedy });

/** Ctrl-C, or SIGTERM. */
export class Interrupted extends CommandFailure {
  constructor(message = 'interrupted') {
    super('interrupted', message, { exitCode: EXIT.interrupted });
    this.name = 'Interrupted';
  }
}
