/**
 * All runs that the page knows, each a signal of its own, so that a report of one run draws one row.
 *
 *   first     the newest 100, drawn at once; then pages of 1,000 behind them, up to 5,000
 *   live      every 2 s those with a machine, and the newest, which may have been made since
 *   waiting   every 10 s those without one
 *   gone      what was live and is in neither list any more is asked for once: it is final
 *
 * So what is asked grows with the runs at work, not with the runs there are.
 */
import { type Signal, signal } from '@preact/signals';
import { ask, PlaneError } from '../plane/ask.ts';
import { type Asking, keepAsking } from '../plane/keep-asking.ts';
import type { RunDetail, RunList, RunSummary } from '../plane/wire.ts';
import { isFinal } from './run-facts.ts';

const FIRST_PAGE = 100;
const PAGE = 1_000;
export const LOADED_BY_ITSELF = 5_000;
const NEWEST = 20;
const LIVE_MILLIS = 2_000;
const WAITING_EVERY_ROUNDS = 5;

const known = new Map<string, Signal<RunSummary>>();
/** Newest first. */
export const runIds = signal<readonly string[]>([]);
/** How many there are in all; null before the first answer. */
export const runTotal = signal<number | null>(null);
/** Moves when a run came, went, or changed in a way that filters and sorting see. */
export const listRevision = signal(0);
export const storeProblem = signal<Error | null>(null);
/** Older pages are being fetched. */
export const isFilling = signal(false);
/** There is none that the page does not know. */
export const isAllKnown = signal(false);

export const runSignal = (id: string): Signal<RunSummary> | undefined => known.get(id);

/** What the plane said of a run just now, from whatever answer. */
export function takeRuns(runs: readonly RunSummary[]): void {
  let isNew = false;
  let isMoved = false;
  for (const run of runs) {
    const before = known.get(run.id);
    if (before === undefined) {
      known.set(run.id, signal(run));
      isNew = true;
    } else if (isNewer(run, before.peek())) {
      isMoved ||= run.state !== before.peek().state || run.name !== before.peek().name;
      before.value = run;
    }
  }
  if (isNew) runIds.value = [...known.keys()].sort((a, b) => (a < b ? 1 : -1)); // ids sort by the time they were made
  if (isNew || isMoved) listRevision.value++;
}

export function forgetRun(id: string): void {
  if (!known.delete(id)) return;
  runIds.value = runIds.peek().filter((other) => other !== id);
  runTotal.value = Math.max(0, (runTotal.peek() ?? 1) - 1);
  listRevision.value++;
}

const isNewer = (run: RunSummary, before: RunSummary): boolean =>
  run.progress?.seen_at !== before.progress?.seen_at ||
  run.state !== before.state ||
  run.waiting?.sentence !== before.waiting?.sentence ||
  run.attempt_since !== before.attempt_since ||
  run.completed_at !== before.completed_at;

let users = 0;
let asking: Asking | null = null;

/** Keeps the store fresh while somebody shows it. @returns what ends that */
export function watchRuns(): () => void {
  if (users++ === 0)
    asking = keepAsking(nextRound, (problem) => {
      storeProblem.value = problem;
    });
  return () => {
    if (--users > 0) return;
    asking?.stop();
    asking = null;
  };
}

let round = 0;

async function nextRound(abort: AbortSignal): Promise<number> {
  const isFirst = runTotal.peek() === null;
  if (isFirst || (!isAllKnown.peek() && filled < LOADED_BY_ITSELF)) {
    isFilling.value = !isFirst;
    await fill(isFirst ? FIRST_PAGE : PAGE, abort);
    return 0;
  }
  isFilling.value = false;
  await lookAtUnfinished(abort);
  return LIVE_MILLIS;
}

/** From the newest down to this one every run is known; further down perhaps some. */
let filledThrough = '';
let filled = 0;

async function fill(limit: number, abort?: AbortSignal): Promise<void> {
  const page = await ask<RunList>(`/runs?limit=${limit}${filledThrough && `&after=${filledThrough}`}`, abort);
  takeRuns(page.items);
  filledThrough = page.items.at(-1)?.id ?? filledThrough;
  filled += page.items.length;
  runTotal.value = page.total;
  isAllKnown.value = page.next === null;
}

async function lookAtUnfinished(abort: AbortSignal): Promise<void> {
  const isWaitingRound = round++ % WAITING_EVERY_ROUNDS === 0;
  const expected = unfinishedIds(isWaitingRound);
  const states = isWaitingRound ? 'created,queued,initializing,running,paused,stopping' : 'initializing,running,paused,stopping';
  const [newest, unfinished] = await Promise.all([
    takeNewest(abort),
    expected.length === 0 ? null : ask<RunList>(`/runs?state=${states}&limit=${PAGE}`, abort),
  ]);
  takeRuns(unfinished?.items ?? []);
  if (unfinished === null || unfinished.next !== null) return; // only where all of them came does a missing one mean anything
  const seen = new Set([...newest, ...unfinished.items].map(({ id }) => id));
  const gone = expected.filter((id) => !seen.has(id)).slice(0, NEWEST);
  await Promise.all(gone.map((id) => takeOne(id, abort)));
}

/** The newest page; and what lies between it and the newest known, where more than a page came since. */
async function takeNewest(abort: AbortSignal): Promise<RunSummary[]> {
  const newestKnown = runIds.peek()[0];
  const page = await ask<RunList>(`/runs?limit=${NEWEST}`, abort);
  const items = [...page.items];
  let { next } = page;
  while (newestKnown !== undefined && next !== null && next > newestKnown) {
    const further: RunList = await ask<RunList>(`/runs?limit=${PAGE}&after=${next}`, abort);
    items.push(...further.items);
    next = further.next;
  }
  takeRuns(items);
  runTotal.value = page.total;
  return items;
}

async function takeOne(id: string, abort: AbortSignal): Promise<void> {
  try {
    takeRuns([await ask<RunDetail>(`/runs/${id}`, abort)]);
  } catch (error) {
    if (!(error instanceof PlaneError && error.status === 404)) throw error;
    forgetRun(id); // deleted meanwhile
  }
}

/** Those that the next look should find, or find changed. */
function unfinishedIds(withWaiting: boolean): string[] {
  return [...known.values()]
    .map((run) => run.peek())
    .filter((run) => !isFinal(run) && (withWaiting || (run.state !== 'created' && run.state !== 'queued')))
    .map(({ id }) => id);
}

/** More runs than came by themselves: the next older ones. */
export const loadOlder = (): Promise<void> =>
  filling(async () => {
    for (const end = filled + LOADED_BY_ITSELF; filled < end && !isAllKnown.peek(); ) await fill(PAGE);
  });

/** The newest runs that meet the plane's own filters, however old they are. @param filter its query: `state=failed&api=sft` */
export const loadFiltered = (filter: string): Promise<void> =>
  filling(async () => {
    let after: string | null = '';
    for (let loaded = 0; loaded < LOADED_BY_ITSELF && after !== null; loaded += PAGE) {
      const page: RunList = await ask<RunList>(`/runs?${filter}&limit=${PAGE}${after && `&after=${after}`}`);
      takeRuns(page.items);
      after = page.next;
    }
  });

async function filling(load: () => Promise<void>): Promise<void> {
  isFilling.value = true;
  try {
    await load();
  } catch (error) {
    storeProblem.value = error instanceof Error ? error : new Error(String(error));
  } finally {
    isFilling.value = false;
  }
}
