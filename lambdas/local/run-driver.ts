/**
 * The workflow of the one-machine home: calls advance-run for each unfinished run when it is due or nudged, one call at a time per
 * run. An error is the plane's fault, never the run's: it is logged and tried again with growing waits.
 */
import type { Advance } from '#operations/advance/pace.ts';
import type { Workflow } from '#ports';

const FIRST_RETRY_MILLIS = 500;
const LAST_RETRY_MILLIS = 30_000;
/** Enough that a crowd of new runs shares a commit, few enough that its files are open at once. */
const AT_ONCE = 64;
/** Runs that are due within this time are advanced together, so that their writes share a commit: creates at once are a fifth faster for it. */
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
}

export class RunDriver implements Workflow {
  readonly #options: RunDriverOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #due: string[] = [];
  #busy = 0;
  #stopped = false;
  #idle: (() => void) | null = null;
  #gathering: NodeJS.Timeout | null = null;

  constructor(options: RunDriverOptions) {
    this.#options = options;
  }

  async start(runId: string): Promise<void> {
    this.#wake(runId);
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

  #wake(runId: string): void {
    if (this.#stopped) return;
    const entry = this.#entry(runId);
    if (entry.timer) clearTimeout(entry.timer);
    entry.timer = null;
    if (entry.busy) {
      entry.nudged = true;
      return;
    }
    entry.busy = true;
    this.#due.push(runId);
    this.#pumpSoon();
  }

  #pumpSoon(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = null;
      this.#pump();
    }, GATHER_MILLIS);
  }

  #pump(): void {
    while (this.#busy < AT_ONCE && !this.#stopped) {
      const runId = this.#due.shift();
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
