import type { Run, RunEvent, RunProgress, RunView } from '#domain/run.ts';
import { isFinal, type RunState } from '#domain/run-lifecycle.ts';
import { standingOf } from '#domain/run-standing.ts';
import type { Remembered } from '#ports/answer-store.ts';
import { type NameClaim, NameTaken, type RunFilter, type RunStore, VersionConflict } from '#ports/run-store.ts';

/** A run store in memory, with a seam: `beforeChange` lets a test be the other writer that was first. */
export class MemoryRuns implements RunStore {
  readonly #runs = new Map<string, RunView>();
  readonly #events: RunEvent[] = [];
  readonly #answers = new Map<string, Remembered>();
  readonly #names = new Map<string, string>();
  #delivered = 0;
  beforeChange: (run: Run) => void = () => {};

  async create(run: Run, events: readonly RunEvent[], remembered?: Remembered, names: readonly NameClaim[] = []): Promise<void> {
    if (this.#runs.has(run.id) || (remembered && this.#answers.has(remembered.scope))) throw new VersionConflict(run.id);
    const taken = names.find(({ name, heldBy }) => this.#names.has(name) && this.#names.get(name) !== heldBy);
    if (taken) throw new NameTaken(taken.name);
    for (const { name } of names) this.#names.set(name, run.id);
    if (remembered) this.#answers.set(remembered.scope, remembered);
    this.#runs.set(run.id, { run: structuredClone(run), progress: null });
    this.#events.push(...events);
  }

  async get(id: string): Promise<RunView | null> {
    return copyOf(this.#runs.get(id) ?? null);
  }

  /** As it is stored, to look at and not to change: tests that wait look thousands of times. */
  peek(id: string): Readonly<RunView> | null {
    return this.#runs.get(id) ?? null;
  }

  async findByName(name: string): Promise<string | null> {
    return this.#names.get(name) ?? null;
  }

  async change(run: Run, expectedVersion: number, events: readonly RunEvent[]): Promise<void> {
    const hook = this.beforeChange;
    this.beforeChange = () => {};
    hook(run);
    const stored = this.#runs.get(run.id);
    if (stored?.run.version !== expectedVersion) throw new VersionConflict(run.id);
    this.#runs.set(run.id, { run: structuredClone(run), progress: stored.progress });
    this.#events.push(...events);
  }

  async remove(id: string, expectedVersion: number): Promise<void> {
    if (this.#runs.get(id)?.run.version !== expectedVersion) throw new VersionConflict(id);
    this.#runs.delete(id);
    const kept = this.#events.filter((event, index) => event.runId !== id || index >= this.#delivered);
    this.#delivered -= this.#events.length - kept.length;
    this.#events.splice(0, this.#events.length, ...kept);
  }

  async recordProgress(id: string, progress: RunProgress): Promise<boolean> {
    const stored = this.#runs.get(id);
    const before = stored?.progress;
    if (
      !stored ||
      (before && (before.attempt > progress.attempt || (before.attempt === progress.attempt && before.sequence >= progress.sequence)))
    )
      return false;
    this.#runs.set(id, { run: stored.run, progress: structuredClone(progress) });
    return true;
  }

  async list(filter: RunFilter, limit: number, after?: string): Promise<RunView[]> {
    return [...this.#runs.values()]
      .filter(({ run }) => matches(run, filter) && (after === undefined || run.id < after))
      .sort((a, b) => (a.run.id < b.run.id ? 1 : -1))
      .slice(0, limit);
  }

  async count(filter: RunFilter): Promise<number> {
    return [...this.#runs.values()].filter(({ run }) => matches(run, filter)).length;
  }

  async unfinished(): Promise<{ id: string; state: RunState }[]> {
    return [...this.#runs.values()].flatMap(({ run }) => (isFinal(run.state) ? [] : [{ id: run.id, state: run.state }]));
  }

  async events(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    return this.#events.filter((event) => event.runId === runId && event.sequence > after).slice(0, limit);
  }

  async undelivered(limit: number, runId?: string): Promise<RunEvent[]> {
    return this.#events
      .slice(this.#delivered)
      .filter((event) => runId === undefined || event.runId === runId)
      .slice(0, limit);
  }

  async markDelivered(events: readonly RunEvent[]): Promise<void> {
    this.#delivered += events.length;
  }
}

/** Records are JSON, and twice as quick to copy as text. */
const copyOf = (view: RunView | null): RunView | null => JSON.parse(JSON.stringify(view));

const matches = (run: Run, { state, standing, provider, projectId, api }: RunFilter): boolean =>
  (standing === undefined || standing.includes(standingOf(run))) &&
  (state === undefined || state.includes(run.state)) &&
  (provider === undefined || run.provider === provider) &&
  (projectId === undefined || run.projectId === projectId) &&
  (api === undefined || run.api === api);
