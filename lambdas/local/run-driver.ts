/**
 * The workflow of the one-machine home: calls advance-run for each unfinished run when it is due or nudged, one call at a time per
 * run. An error is the plane's fault, never the run's: it is logged and tried again with growing waits. Runs just accepted give way to
 * live ones, and to callers: what a burst of creates leaves is worked off when it is over, some 5,000 a second.
 */
import type { Advance } from '#operations/advance/pace.ts';
import type { Workflow } from '#ports/workflow.ts';

const FIRST_RETRY_MILLIS = 500;
const LAST_RETRY_MILLIS = 30_000;
/** Enough that a crowd of new runs shares a commit, few enough that its files are open at once. */
const AT_ONCE = 64;
/** While requests keep the plane busy: 2 every 10 ms are 200 new runs a second, at 120 us each 2% of its time. */
const NEW_AT_ONCE_WHEN_BUSY = 2;
const BUSY_UTILIZATION = 0.7;
/** Runs that are due within this time are advanced together, so that their writes share a commit. */
const GATHER_MILLIS = 10;

interface Entry {
  timer: NodeJS.Timeout | null;
  busy: boolean;
  nudged: boolean;
  failures: number;
}

export interface RunDriverOptions {
  readonly advance: (runId: string) => Promise<Advance>;
  readonly onError: (runId: string, error: unknown) => void;
  /** requests have the plane to themselves; default: its event loop was busy since the last question */
  readonly isBusy?: () => boolean;
}

export class RunDriver implements Workflow {
  readonly #options: RunDriverOptions;
  readonly #isBusy: () => boolean;
  readonly #entries = new Map<string, Entry>();
  /** Runs that are live, or that somebody asked for: always first. */
  readonly #due: string[] = [];
  /** Runs just accepted: safe on the disk, and in no hurry while callers wait for their answers. */
  readonly #fresh: string[] = [];
  #busy = 0;
  #stopped = false;
  #idle: (() => void) | null = null;
  #gathering: NodeJS.Timeout | null = null;

  constructor(options: RunDriverOptions) {
    this.#options = options;
    this.#isBusy = options.isBusy ?? watchEventLoop();
  }

  async start(runId: string): Promise<void> {
    this.#wake(runId, this.#fresh);
  }

  async nudge(runId: string): Promise<void> {
    this.#wake(runId);
  }

  /** Takes up nothing more and resolves when the calls under way are done. Runs go on without the plane. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const entry of this.#entries.values()) if (entry.timer) clearTimeout(entry.timer);
    if (this.#gathering) clearTimeout(this.#gathering);
    this.#due.length = 0;
    this.#fresh.length = 0;
    if (this.#busy > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #entry(runId: string): Entry {
    let entry = this.#entries.get(runId);
    if (!entry) {
      entry = { timer: null, busy: false, nudged: false, failures: 0 };
      this.#entries.set(runId, entry);
    }
    return entry;
  }

  #wake(runId: string, line: string[] = this.#due): void {
    if (this.#stopped) return;
    const entry = this.#entry(runId);
    if (entry.timer) clearTimeout(entry.timer);
    entry.timer = null;
    if (entry.busy) {
      entry.nudged = true;
      return;
    }
    entry.busy = true;
    line.push(runId);
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      this.#pump();
    }, GATHER_MILLIS);
  }

  #pump(): void {
    this.#take(this.#due, AT_ONCE);
    this.#take(this.#fresh, this.#isBusy() ? NEW_AT_ONCE_WHEN_BUSY : AT_ONCE);
    if (this.#fresh.length > 0) this.#pumpSoon();
  }

  #take(line: string[], atMost: number): void {
    for (let taken = 0; taken < atMost && this.#busy < AT_ONCE && !this.#stopped; taken++) {
      const runId = line.shift();
      if (runId === undefined) return;
      void this.#advance(runId, this.#entry(runId));
    }
  }

  async #advance(runId: string, entry: Entry): Promise<void> {
    this.#busy += 1;
    let waitMillis = 0;
    try {
      const { phase, waitSeconds } = await this.#options.advance(runId);
      entry.failures = 0;
      waitMillis = phase === 'done' ? Number.POSITIVE_INFINITY : waitSeconds * 1_000;
    } catch (error) {
      waitMillis = Math.min(FIRST_RETRY_MILLIS * 2 ** entry.failures, LAST_RETRY_MILLIS);
      entry.failures += 1;
      this.#options.onError(runId, error);
    }
    this.#busy -= 1;
    entry.busy = false;
    if (this.#stopped) {
      if (this.#busy === 0) this.#idle?.();
      return;
    }
    const nudged = entry.nudged;
    entry.nudged = false;
    if (nudged) this.#wake(runId);
    else if (waitMillis === Number.POSITIVE_INFINITY) this.#entries.delete(runId);
    else entry.timer = setTimeout(() => this.#wake(runId), waitMillis);
    if (this.#due.length > 0) this.#pumpSoon();
  }
}

/** @returns whether the event loop was mostly at work since the last call */
function watchEventLoop(): () => boolean {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization > BUSY_UTILIZATION;
  };
}
