/** Stop, pause, checkpoint and delete: the same order to several runs, each as far as it goes. */
import { isFinal } from '#domain/run-lifecycle.ts';
import { CommandFailure, EXIT, Interrupted } from './exit-code.ts';
import { WakeableSleep } from './follow/wakeable-sleep.ts';
import { findRunIds } from './plane/find-run.ts';
import type { PlaneClient } from './plane/plane-client.ts';
import { PlaneRefusal } from './plane/plane-errors.ts';
import { deleteRun, getRun, orderRun, type RunDetail } from './plane/runs.ts';
import type { Session } from './session.ts';
import { paintState } from './text/run-words.ts';

const LOOK_MILLIS = 500;

type OrderName = 'stop' | 'pause' | 'checkpoint';

interface Order {
  readonly order: OrderName;
  /** until the run is where the order wants it */
  readonly isToWait: boolean;
  /** the verb of the question that comes first; null: none */
  readonly question: string | null;
}

export async function orderRuns(session: Session, references: readonly string[], { order, isToWait, question }: Order): Promise<void> {
  const plane = await session.plane();
  const ids = await findRunIds(plane, references);
  if (question !== null && !(await session.confirm(`${question} ${ids.join(', ')}?`, 'no'))) return left(session);
  const runs = await eachOf(session, ids, async (id) => {
    const run = await orderRun(plane, id, order);
    return isToWait ? await waitFor(plane, run, order) : run;
  });
  session.print(order, runs, (colors) =>
    runs.map(({ id, state, want }) => `${id}  ${paintState(state, colors)}${isPending(state, want) ? `, to ${want}` : ''}`).join('\n'),
  );
}

export async function deleteRuns(session: Session, references: readonly string[], isSure: boolean): Promise<void> {
  const plane = await session.plane();
  const ids = await findRunIds(plane, references);
  if (!isSure && !(await session.confirm(`Delete ${ids.join(', ')}, and all that was stored?`, 'no'))) return left(session);
  const deleted = await eachOf(session, ids, async (id) => {
    await deleteRun(plane, id);
    return id;
  });
  session.print('delete', { deleted }, () => deleted.map((id) => `${id}  deleted`).join('\n'));
}

function left(session: Session): void {
  session.note('nothing was done');
  session.exitCode = EXIT.failed;
}

/** A refusal of one is told and does not keep the others from their turn. @throws the refusal where there is but one */
async function eachOf<T>(session: Session, ids: readonly string[], act: (id: string) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  for (const id of ids) {
    try {
      done.push(await act(id));
    } catch (error) {
      if (!(error instanceof PlaneRefusal) || ids.length === 1) throw error;
      session.note(session.noteColors.red(`${id}: ${error.message}`));
      session.exitCode = EXIT.failed;
    }
  }
  if (done.length === 0) throw new CommandFailure('refused', 'none of them could be had');
  return done;
}

/** Where the order has the run: over, paused, or with a checkpoint that it had not when the order was taken. */
const IS_DONE: Readonly<Record<OrderName, (now: RunDetail, then: RunDetail) => boolean>> = {
  stop: () => false,
  pause: ({ state }) => state === 'paused',
  checkpoint: (now, then) => newestStep(now) > newestStep(then),
};
const newestStep = ({ checkpoints }: RunDetail): number => Math.max(-1, ...checkpoints.map(({ step }) => step));

async function waitFor(plane: PlaneClient, ordered: RunDetail, order: OrderName): Promise<RunDetail> {
  plane.patienceMillis = Number.POSITIVE_INFINITY;
  const sleep = new WakeableSleep(plane.interrupted);
  for (;;) {
    const run = await getRun(plane, ordered.id);
    if (isFinal(run.state) || IS_DONE[order](run, ordered)) return run;
    if (plane.interrupted.aborted) throw new Interrupted(`left ${run.id}, which is ${run.state}; the order stands`);
    await sleep.for(LOOK_MILLIS);
  }
}

const WORKING: ReadonlySet<RunDetail['state']> = new Set(['queued', 'initializing', 'running']);
const isPending = (state: RunDetail['state'], want: RunDetail['want']): boolean => want !== 'run' && WORKING.has(state);
