/** Where a chunk of a run's log begins in time. */
export interface LogChunkStart {
  readonly attempt: number;
  readonly chunk: number;
  /** ISO 8601 with milliseconds: sorts as text */
  readonly firstAt: string;
}

/** One row for each 1,000 lines, so that a moment is found in a log of any length by one look-up. Times never go back along (attempt, chunk). */
export interface LogIndex {
  /** The same rows may be added as often as one likes. */
  add(runId: string, chunks: readonly LogChunkStart[]): Promise<void>;
  /** The last chunk that begins before this time; null where none does. */
  lastBefore(runId: string, time: string): Promise<LogChunkStart | null>;
  removeAll(runId: string): Promise<void>;
}

/** Hears of one run's events from the moment it was made, so that nothing falls between a read and the wait after it. */
export interface RunListener {
  /** True: something may have happened since the last call, read again. False: the time is over, or nobody waits here any more. */
  next(millis: number): Promise<boolean>;
  close(): void;
}

/** Wakes those who wait for a run's next event. It may ring for nothing; who waits reads the store. */
export interface RunBell {
  listen(runId: string): RunListener;
  /** Whether somebody waits for news of this run, and keeps waiting. */
  isFollowed(runId: string): Promise<boolean>;
}
