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
/** What stood there before stays in the terminal's history. */
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

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

async function listLiveRuns(plane: PlaneClient): Promise<LiveRuns> {
  const { items, total } = await listRuns(plane, { state: LIVE_STATES.join(','), limit: PAGE });
  return { items, total };
}

function describe(session: Session, plane: PlaneClient, { items }: LiveRuns): string {
  const { colors } = session;
  if (items.length === 0) return `nothing is under way at ${plane.url}`;
  return renderTable(items, runColumns(colors, Date.now()), { colors, terminalColumns: session.terminalColumns });
}
