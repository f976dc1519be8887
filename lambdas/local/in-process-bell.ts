import type { RunEvent } from '#domain/run.ts';
import type { RunBell, RunListener } from '#ports/following.ts';

/** The bell of the one-machine home: whoever waits for a run hears of its events as the outbox hands them over, and of its trainer's reports. */
export class InProcessBell implements RunBell {
  readonly #listeners = new Map<string, Set<Listener>>();
  #closed = false;

  listen(runId: string): RunListener {
    const listeners = this.#listeners.get(runId) ?? new Set();
    this.#listeners.set(runId, listeners);
    const listener = new Listener(this.#closed, () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(runId) === listeners) this.#listeners.delete(runId);
    });
    listeners.add(listener);
    return listener;
  }

  async isFollowed(runId: string): Promise<boolean> {
    return this.#listeners.has(runId);
  }

  ring(events: readonly Pick<RunEvent, 'runId'>[]): void {
    for (const runId of new Set(events.map((event) => event.runId)))
      for (const listener of this.#listeners.get(runId) ?? []) listener.ring();
  }

  /** Ends every wait, and each that would begin. */
  close(): void {
    this.#closed = true;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener.end();
  }
}

class Listener implements RunListener {
  readonly #forget: () => void;
  #rung = false;
  #ended: boolean;
  #wake: (() => void) | null = null;

  constructor(ended: boolean, forget: () => void) {
    this.#ended = ended;
    this.#forget = forget;
  }

  async next(millis: number): Promise<boolean> {
    if (!this.#rung && !this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, millis);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
    const rung = this.#rung && !this.#ended;
    this.#rung = false;
    return rung;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  close(): void {
    this.end();
    this.#forget();
  }
}
