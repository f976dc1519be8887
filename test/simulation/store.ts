/** The truth of a simulated plane: runs, events, outbox and documents, each change whole. What must always hold is looked at with every change. */
import type { Run, RunEvent, RunProgress, RunView } from '#domain/run.ts';
import { isFinal, LIFECYCLE, type RunState, type RunStateEvent } from '#domain/run-lifecycle.ts';
import { type NameClaim, NameTaken, VersionConflict } from '#ports/run-store.ts';

/** What a simulation finds wrong; the seed that led there is told beside it. */
export class Violation extends Error {
  /** what led there, where it was asked for */
  trace: readonly string[] = [];
}

export class SimulatedStore {
  readonly runs = new Map<string, RunView>();
  readonly events: RunEvent[] = [];
  readonly documents = new Map<string, Record<string, unknown>>();
  readonly #names = new Map<string, string>();
  readonly #handedOver = new Map<string, number>();
  delivered = 0;

  create(run: Run, events: readonly RunEvent[], names: readonly NameClaim[] = []): void {
    if (this.runs.has(run.id)) throw new VersionConflict(run.id);
    const taken = names.find(({ name, heldBy }) => this.#names.has(name) && this.#names.get(name) !== heldBy);
    if (taken) throw new NameTaken(taken.name);
    for (const { name } of names) this.#names.set(name, run.id);
    this.#append(0, run, events);
    this.runs.set(run.id, { run, progress: null });
  }

  findByName(name: string): string | null {
    return this.#names.get(name) ?? null;
  }

  change(run: Run, expectedVersion: number, events: readonly RunEvent[]): void {
    const stored = this.runs.get(run.id);
    if (stored?.run.version !== expectedVersion) throw new VersionConflict(run.id);
    if (isFinal(stored.run.state) && run.state !== stored.run.state)
      throw new Violation(`${run.id} was ${stored.run.state} and became ${run.state}: final is final`);
    this.#append(expectedVersion, run, events);
    checkMoves(stored.run.state, run, events);
    this.runs.set(run.id, { run, progress: stored.progress });
  }

  recordProgress(id: string, progress: RunProgress): boolean {
    const stored = this.runs.get(id);
    const before = stored?.progress;
    if (!stored) return false;
    if (before && (before.attempt > progress.attempt || (before.attempt === progress.attempt && before.sequence >= progress.sequence)))
      return false;
    if (before && progress.highestStep < before.highestStep)
      throw new Violation(`the progress of ${id} fell from step ${before.highestStep} to ${progress.highestStep}`);
    this.runs.set(id, { run: stored.run, progress });
    return true;
  }

  unfinished(): { id: string; state: RunState }[] {
    return [...this.runs.values()].flatMap(({ run }) => (isFinal(run.state) ? [] : [{ id: run.id, state: run.state }]));
  }

  /** In order per run, and none left out: each first hand-over is of the event after the last one. */
  deliver(events: readonly RunEvent[]): void {
    for (const { runId, sequence } of events) {
      const last = this.#handedOver.get(runId) ?? 0;
      if (sequence > last + 1) throw new Violation(`event ${sequence} of ${runId} was handed over after event ${last}`);
      this.#handedOver.set(runId, Math.max(last, sequence));
    }
  }

  markDelivered(events: readonly RunEvent[]): void {
    const given = new Set(events);
    while (this.delivered < this.events.length && given.has(this.events[this.delivered] as RunEvent)) this.delivered += 1;
  }

  checkAllHandedOver(): void {
    for (const { run } of this.runs.values())
      if (this.#handedOver.get(run.id) !== run.version)
        throw new Violation(
          `of ${run.id} event ${run.version} is the newest, ${this.#handedOver.get(run.id) ?? 0} the last that was handed over`,
        );
  }

  #append(before: number, run: Run, events: readonly RunEvent[]): void {
    events.forEach(({ sequence, runId }, index) => {
      if (sequence !== before + index + 1 || runId !== run.id)
        throw new Violation(`event ${sequence} of ${run.id} follows event ${before + index}`);
    });
    if (run.version !== before + events.length)
      throw new Violation(`${run.id} went from version ${before} to ${run.version} with ${events.length} events`);
    this.events.push(...events);
  }
}

/** Each change of state stands in the lifecycle's table, and leads to the next. */
function checkMoves(from: RunState, run: Run, events: readonly RunEvent[]): void {
  let state = from;
  for (const { type, state: after, data } of events) {
    if (type === 'state-changed') {
      const move = data['event'] as RunStateEvent;
      if (data['before'] !== state || LIFECYCLE[state][move] !== after)
        throw new Violation(`${run.id} went from ${state} to ${after} by '${move}', which the lifecycle does not know`);
    } else if (after !== state) throw new Violation(`${run.id} became ${after} without a word`);
    state = after;
  }
  if (run.state !== state) throw new Violation(`${run.id} is ${run.state} after events that lead to ${state}`);
}
