/** What is under way: every run that is not over. */
import { isFinal, RUN_STATES } from '#domain/run-lifecycle.ts';
import { Interrupted } from '../exit-code.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { listRuns, type RunSummary } from '../plane/runs.ts';
import type { Session } from '../session.ts';
import { runColumns } from '../text/run-words.ts';
import { renderTable } from '../text/table.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

const PAGE = 1_000;
const LIVE_STATES = RUN_STATES.filter((state) => !isFinal(state));
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

interface LiveRuns {
  readonly items: RunSummary[];
  readonly total: number;
}

export async function showLiveRuns(session: Session): Promise<void> {
  const plane = await session.plane();
  const runs = await listLiveRuns(plane);
  session.print('ps', runs, () => describe(session, plane, runs));
}

/** Until Ctrl-C. @throws Interrupted */
export async function watchLiveRuns(session: Session, everySeconds: number): Promise<void> {
  const { world } = session;
  const plane = await session.plane();
  plane.patienceMillis = Number.POSITIVE_INFINITY;
  const sleep = new WakeableSleep(world.interrupted);
  let before = '';
  while (!world.interrupted.aborted) {
    const runs = await listLiveRuns(plane);
    const now = session.isJson ? JSON.stringify(runs) : describe(session, plane, runs);
    if (world.output.isTTY && !session.isJson) world.output.write(`${CLEAR_SCREEN}${now}\n`);
    else if (now !== before) session.printLine('ps', runs, () => now);
    before = now;
    await sleep.for(everySeconds * 1_000);
  }
  throw new Interrupted('');
}

/** One list a state, since a list is of one; newest first. */
async function listLiveRuns(plane: PlaneClient): Promise<LiveRuns> {
  const lists = await Promise.all(LIVE_STATES.map((state) => listRuns(plane, { state, limit: PAGE })));
  const byId = new Map(lists.flatMap(({ items }) => items.map((run) => [run.id, run] as const))); // one may have moved in between
  return {
    items: [...byId.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1)),
    total: Math.max(
      byId.size,
      lists.reduce((sum, { total }) => sum + total, 0),
    ),
  };
}

function describe(session: Session, plane: PlaneClient, { items }: LiveRuns): string {
  const { colors } = session;
  if (items.length === 0) return `nothing is under way at ${plane.url}`;
  return renderTable(items, runColumns(colors, Date.now()), { colors, terminalColumns: session.terminalColumns });
}
