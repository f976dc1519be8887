/** A change to a run in the making: the next record and the events that lead to it. Each event raises the version by one. */
import type { Run, RunEvent, RunEventType, Waiting } from './run.ts';
import { isFinal, nextState, type RunStateEvent } from './run-lifecycle.ts';

interface Note {
  readonly message: string;
  readonly code?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export class RunChange {
  readonly run: Run;
  readonly events: RunEvent[] = [];
  readonly #timestamp: string;

  /**
   * @param run is changed: pass a record that nobody else holds
   * @param now milliseconds since 1970
   */
  constructor(run: Run, now: number) {
    this.run = run;
    this.#timestamp = new Date(now).toISOString();
  }

  get timestamp(): string {
    return this.#timestamp;
  }

  /** Adds an event that moves no state. */
  note(type: RunEventType, { message, code, data }: Note): void {
    this.run.version += 1;
    this.run.updatedAt = this.#timestamp;
    this.events.push({
      runId: this.run.id,
      sequence: this.run.version,
      timestamp: this.#timestamp,
      type,
      state: this.run.state,
      attempt: this.run.attempt?.number ?? null,
      code: code ?? null,
      message,
      data: { ...data },
    });
  }

  /** Says why the run waits; the same reason again adds nothing. */
  wait(waiting: Omit<Waiting, 'since'>): void {
    if (this.run.waiting?.code === waiting.code) return;
    this.run.waiting = { ...waiting, since: this.#timestamp };
    this.note('waiting-changed', { message: waiting.sentence, code: waiting.code });
  }

  /**
   * Moves the run by the lifecycle table. A state that stays the same, or a final one that absorbs the event, adds nothing.
   * @throws DomainError `transition_refused`
   */
  move(event: RunStateEvent, { message, code, data }: Note): void {
    const before = this.run.state;
    const after = nextState(before, event);
    if (after === null || after === before) return;
    this.run.state = after;
    if (after === 'running' && this.run.startedAt === null) this.run.startedAt = this.#timestamp;
    if (isFinal(after)) this.run.completedAt = this.#timestamp;
    if (after !== 'paused' && after !== 'queued') this.run.waiting = null;
    this.note('state-changed', { message, ...(code === undefined ? {} : { code }), data: { ...data, before, event } });
  }
}
