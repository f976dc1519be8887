/** What came of asking for a machine, into the record. */
import { makeFailure } from '#domain/failures.ts';
import { type ComputeHandle, NOTHING_LEFT, type Run, toPastAttempt } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { Launch, Reservation } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from '../change-run.ts';
import { requestStop } from '../stop-run.ts';
import type { Advance } from './pace.ts';
import { hasWaitedTooLong, waitedTooLong } from './patience.ts';

/** Prices and stock of rented machines change by the minute; a look at them costs a request or two. */
const CAPACITY_RETRY_SECONDS = 60;
/** A search may walk hundreds of offers: the first ones say why. */
const MAX_REFUSALS_NOTED = 20;

export async function recordLaunch(ports: Ports, run: Run, number: number, launch: Launch): Promise<Advance> {
  if (launch.kind === 'impossible') return refuse(ports, run, launch);
  if (launch.kind === 'no-capacity') {
    // The attempt stays reserved: the next try launches it under the same tag, after looking whether something carries it already.
    const waits = await noteWaiting(ports, run, launch);
    return { phase: 'launch', waitSeconds: waits ? (launch.retrySeconds ?? CAPACITY_RETRY_SECONDS) : 0 };
  }
  await changeRun(ports, run.id, (draft) => {
    if (!noteLaunched(draft, number, launch.handle, `attempt ${number} launched`)) return;
    noteRefusals(draft, launch.refusals ?? []);
  });
  return { phase: 'poll', waitSeconds: 0 };
}

/** @returns false where the attempt is over, or was recorded as launched before */
export function noteLaunched(draft: RunChange, number: number, handle: ComputeHandle, message: string): boolean {
  const { attempt } = draft.run;
  if (attempt?.number !== number || attempt.endedAt !== null || attempt.handle !== null) return false;
  attempt.handle = handle;
  attempt.startingSince = draft.timestamp;
  draft.note('attempt-launched', { message, data: { handle } });
  if (draft.run.state === 'queued' || draft.run.state === 'paused') draft.move('launched', { message: 'the trainer is starting' });
  return true;
}

function noteRefusals(draft: RunChange, refusals: readonly string[]): void {
  for (const message of refusals.slice(0, MAX_REFUSALS_NOTED)) draft.note('warning-raised', { message, code: 'offer_refused' });
}

/** @returns whether it waits indeed: not when it was stopped or paused meanwhile */
export async function noteWaiting(
  ports: Ports,
  run: Run,
  { waiting, refusals }: Extract<Reservation, { kind: 'no-capacity' }>,
): Promise<boolean> {
  const view = await changeRun(ports, run.id, (draft) => {
    if (!mayLaunch(draft.run)) return;
    if (hasWaitedTooLong(ports, draft.run)) {
      requestStop(draft, waitedTooLong(ports));
      return;
    }
    if (draft.run.waiting?.code !== waiting.code) noteRefusals(draft, refusals ?? []); // the same market says the same every minute
    draft.wait(waiting);
  });
  return mayLaunch(view.run);
}

export const mayLaunch = ({ state, want }: Run): boolean => want === 'run' && (state === 'queued' || state === 'paused');

/** No machine could ever serve it: the run fails. What was reserved for it is given back. */
export async function refuse(ports: Ports, run: Run, { failure }: Extract<Reservation, { kind: 'impossible' }>): Promise<Advance> {
  const { run: refused } = await changeRun(ports, run.id, (draft) => {
    const { attempt } = draft.run;
    if (attempt !== null && attempt.endedAt === null) {
      attempt.endedAt = draft.timestamp;
      draft.run.pastAttempts.push(toPastAttempt(attempt, draft.timestamp, 'abandoned', NOTHING_LEFT));
      draft.note('attempt-ended', { message: `attempt ${attempt.number} was given up before it began` });
    }
    draft.run.failure = makeFailure(failure.code, failure.message);
    draft.move('broke', { message: failure.message, code: failure.code });
  });
  if (refused.attempt !== null) await ports.compute.of(run.provider).release(attemptName(run.id, refused.attempt.number));
  return { phase: 'done', waitSeconds: 0 };
}
