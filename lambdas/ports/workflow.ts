import type { RunEvent } from '#domain/run.ts';

/** Calls advance-run for a run, soon and again, until the run is done. */
export interface Workflow {
  start(runId: string): Promise<void>;
  /** Something happened: look at this run now. */
  nudge(runId: string): Promise<void>;
}

/** Where events go. Handed over at least once, in order per run. */
export interface EventSink {
  deliver(events: readonly RunEvent[]): Promise<void>;
}

export interface Clock {
  /** milliseconds since 1970, UTC */
  now(): number;
}
