/**
 * The newest parsed runs, so that reading one again costs nothing. Only this process writes the database (the home is locked), and
 * every write forgets its run inside its own transaction: a group of writes runs in one go up to its COMMIT, so nobody can read, and
 * keep, what is about to change.
 */
import type { RunView } from '#domain/run.ts';

/** 6 KB a view: 12 MB. */
const MAX_VIEWS = 2_000;

export class RunViewCache {
  readonly #views = new Map<string, RunView>();

  get(id: string): RunView | undefined {
    return this.#views.get(id);
  }

  forget(id: string): void {
    this.#views.delete(id);
  }

  /** @returns the view, frozen: all readers share it, and one that writes to it fails loudly */
  keep(view: RunView): RunView {
    this.#views.set(view.run.id, freeze(view));
    const oldest = this.#views.keys().next();
    if (this.#views.size > MAX_VIEWS && !oldest.done) this.#views.delete(oldest.value);
    return view;
  }
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(Object.freeze(value))) freeze(part);
  return value;
}
