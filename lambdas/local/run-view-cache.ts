/**
 * The newest parsed runs. A run's record never changes without its version, a report never without its attempt and sequence: these three
 * numbers, read fresh from the database, say whether what was parsed before is still what is stored. Reading a 2 KB record costs 18 us, them 5.
 */
import type { RunView } from '#domain/run.ts';

export interface RunStamp {
  readonly version: number;
  readonly progress_attempt: number;
  readonly progress_sequence: number;
}

/** 6 KB a view: 12 MB. */
const MAX_VIEWS = 2_000;

export class RunViewCache {
  readonly #views = new Map<string, { readonly stamp: RunStamp; readonly view: RunView }>();

  get(id: string, { version, progress_attempt, progress_sequence }: RunStamp): RunView | null {
    const kept = this.#views.get(id);
    if (kept === undefined) return null;
    const same =
      kept.stamp.version === version &&
      kept.stamp.progress_attempt === progress_attempt &&
      kept.stamp.progress_sequence === progress_sequence;
    return same ? kept.view : null;
  }

  /** @returns the view, frozen: all readers share it, and one that writes to it fails loudly */
  keep(stamp: RunStamp, view: RunView): RunView {
    this.#views.delete(view.run.id);
    this.#views.set(view.run.id, { stamp, view: freeze(view) });
    const oldest = this.#views.keys().next();
    if (this.#views.size > MAX_VIEWS && !oldest.done) this.#views.delete(oldest.value);
    return view;
  }
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(Object.freeze(value))) freeze(part);
  return value;
}
