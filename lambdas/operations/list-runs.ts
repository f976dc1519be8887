import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';
import type { RunFilter } from '#ports/run-store.ts';

export interface Page<T> {
  readonly items: T[];
  /** the id to pass as `after` for the next page; null on the last */
  readonly next: string | null;
}

/** Newest first. @param limit 1 to 1,000 */
export async function listRuns(ports: Ports, filter: RunFilter, limit: number, after?: string): Promise<Page<RunView>> {
  const views = await ports.runs.list(filter, limit + 1, after);
  const items = views.slice(0, limit);
  return { items, next: views.length > limit ? (items.at(-1)?.run.id ?? null) : null };
}

/** How many runs meet a filter: exact, and its cost does not grow with them. */
export const countRuns = (ports: Ports, filter: RunFilter): Promise<number> => ports.runs.count(filter);
