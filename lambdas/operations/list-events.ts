import { DomainError } from '#domain/errors.ts';
import type { RunEvent } from '#domain/run.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { getRun } from './get-run.ts';

export interface EventPage {
  readonly items: RunEvent[];
  /** the sequence to pass as `after` for the next page; null where this one ends with the newest event */
  readonly next: number | null;
}

/**
 * A run's timeline, ascending.
 * @param after a sequence; events above it
 * @param limit 1 to 1,000
 * @throws DomainError `run_not_found`
 */
export async function listEvents(ports: Ports, runId: string, after: number, limit: number): Promise<EventPage> {
  await getRun(ports, runId);
  const events = await ports.runs.events(runId, after, limit + 1);
  const items = events.slice(0, limit);
  return { items, next: events.length > limit ? (items.at(-1)?.sequence ?? null) : null };
}

/**
 * As `listEvents`; where there is nothing yet, waits for the next event. Costs one read of the store, and one more each time the bell rings.
 * @param waitMillis how long at most
 * @returns the events, perhaps none; null where none will come any more, because the run is final and all its events were seen
 * @throws DomainError `run_not_found`
 */
export async function awaitEvents(
  ports: Ports,
  runId: string,
  { after, limit, waitMillis }: { readonly after: number; readonly limit: number; readonly waitMillis: number },
): Promise<RunEvent[] | null> {
  const listener = ports.bell.listen(runId);
  try {
    const until = ports.clock.now() + waitMillis;
    for (;;) {
      const view = await ports.runs.get(runId);
      if (!view) throw new DomainError('run_not_found', `no run '${runId}'`, { runId });
      if (view.run.version > after) return await ports.runs.events(runId, after, limit);
      if (isFinal(view.run.state)) return null;
      const left = until - ports.clock.now();
      if (left <= 0 || !(await listener.next(left))) return await ports.runs.events(runId, after, limit);
    }
  } finally {
    listener.close();
  }
}
