import type { Run, RunEvent, RunProgress, RunView } from '#domain/run.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import type { Standing } from '#domain/run-standing.ts';
import type { Remembered } from './answer-store.ts';

/** Another writer was first: read again and decide again. */
export class VersionConflict extends Error {
  constructor(runId: string) {
    super(`run ${runId} was changed by someone else`);
    this.name = 'VersionConflict';
  }
}

/** A name that was to be this run's alone is another's. */
export class NameTaken extends Error {
  readonly claim: string;

  constructor(claim: string) {
    super(`the name '${claim}' is taken`);
    this.name = 'NameTaken';
    this.claim = claim;
  }
}

/** A name that belongs to one run for ever, or until a later one takes it over. */
export interface NameClaim {
  readonly name: string;
  /** the run that may lose it to this one, because it is over; without it a name that is taken stays taken */
  readonly heldBy?: string;
}

export interface RunFilter {
  readonly state?: readonly RunState[];
  /** as `state`, and whether it has been running before */
  readonly standing?: readonly Standing[];
  readonly provider?: string;
  readonly projectId?: string;
  readonly api?: string;
}

export interface RunStore {
  /**
   * Run, names, first events and the idempotent answer in one transaction. Durable when it resolves.
   * @throws VersionConflict where the id or the answer is there already; else NameTaken
   */
  create(run: Run, events: readonly RunEvent[], remembered?: Remembered, names?: readonly NameClaim[]): Promise<void>;
  get(id: string): Promise<RunView | null>;
  /** The id of the run that has the name. */
  findByName(name: string): Promise<string | null>;
  /** Writes the record and appends its events, only where the stored version is `expectedVersion`. @throws VersionConflict */
  change(run: Run, expectedVersion: number, events: readonly RunEvent[]): Promise<void>;
  /** Takes a run and its timeline away, only where the stored version is `expectedVersion`; what the outbox still holds is handed over. @throws VersionConflict */
  remove(id: string, expectedVersion: number): Promise<void>;
  /** One conditional update: this attempt or a later one, and a higher sequence. False where a newer report was there. */
  recordProgress(id: string, progress: RunProgress): Promise<boolean>;
  /** Newest first. @param after the last id of the page before */
  list(filter: RunFilter, limit: number, after?: string): Promise<RunView[]>;
  count(filter: RunFilter): Promise<number>;
  /** Runs that are not final, oldest first, each with its state. */
  unfinished(): Promise<{ id: string; state: RunState }[]>;
  /** Ascending by sequence, above `after`. */
  events(runId: string, after: number, limit: number): Promise<RunEvent[]>;
  /**
   * The outbox: events not handed over yet, in commit order. The same ones come again until `markDelivered`.
   * @param runId of this run alone
   */
  undelivered(limit: number, runId?: string): Promise<RunEvent[]>;
  markDelivered(events: readonly RunEvent[]): Promise<void>;
}
