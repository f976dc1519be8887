/** Is the attempt's trainer still there? Where it is not, the attempt is over. */
import type { Run, RunView } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { Compute, Liveness, Observation, Reason } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from '../change-run.ts';
import { requestStop } from '../stop-run.ts';
import { type AttemptEnd, endAttempt } from './end-attempt.ts';
import { type Advance, lookSeconds, reportSeconds } from './pace.ts';
import { hasWaitedTooLong, isOlder, waitedTooLong, waitOfLaunched } from './patience.ts';
import { type AttemptFiles, readAttempt, voidAttempt } from './run-folder-files.ts';

/** The trainer bounds its final checkpoint at 30 minutes; after this the plane ends what is left by itself. */
const STOP_LIMIT_SECONDS = 35 * 60;

export async function checkLiveness(ports: Ports, view: RunView, { claim }: AttemptFiles): Promise<Advance> {
  const { run } = view;
  const attempt = run.attempt;
  if (attempt === null) return { phase: 'poll', waitSeconds: 0 };
  const { silenceSeconds } = ports.settings;
  const isClaimed = claim !== null;
  const compute = ports.compute.of(run.provider);
  const observation = isOverdue(ports, run) ? GONE : await compute.observe(attemptName(run.id, attempt.number), attempt.handle);
  if (!isClaimed) await noteWait(ports, run, observation.waiting ?? null);

  const liveness = heardOf(ports, view, compute, observation, isClaimed);
  const lost: AttemptEnd = { kind: 'lost', claimed: isClaimed, ...(observation.ending && { ending: observation.ending }) };
  if (liveness === 'gone') {
    // It may have ended well between our reading and our looking: the manifest decides.
    const { manifest, progress } = await readAttempt(ports, run, attempt.number);
    if (manifest) return endAttempt(ports, view, { kind: 'manifest', manifest, progress });
    if (!isClaimed && !(await voidAttempt(ports, run, attempt.number))) return { phase: 'poll', waitSeconds: lookSeconds(ports, run) };
    return endAttempt(ports, view, lost);
  }
  if (liveness === 'alive') {
    if (attempt.silentSince !== null) await noteSilence(ports, run, null);
    return { phase: 'poll', waitSeconds: lookSeconds(ports, run) };
  }
  // Silence counts from when the plane first noticed it, so that a machine that slept is asked again before it is given up.
  if (attempt.silentSince !== null && isOlder(ports, attempt.silentSince, silenceSeconds)) return endAttempt(ports, view, lost);
  const since = attempt.silentSince ?? new Date(ports.clock.now()).toISOString();
  if (attempt.silentSince === null) await noteSilence(ports, run, since);
  return { phase: 'poll', waitSeconds: lookSeconds(ports, { ...run, attempt: { ...attempt, silentSince: since } }) };
}

const GONE: Observation = { liveness: 'gone' };

const isOverdue = (ports: Ports, { stopRequestedAt }: Run): boolean =>
  stopRequestedAt !== null && isOlder(ports, stopRequestedAt, STOP_LIMIT_SECONDS);

/** A supervisor that answers and does not report any more hangs; one whose storage is away for so long is not better off. */
const MUTE_SECONDS = 3_600;

/** Three reports that do not come are silence, but not before this. */
const FEWEST_REPORT_SECONDS = 30;

/** What is seen of the machine, and, where that says nothing of the trainer, what the trainer says of itself. */
function heardOf(ports: Ports, { run, progress }: RunView, { heartbeat }: Compute, observation: Observation, isClaimed: boolean): Liveness {
  const { liveness, waiting } = observation;
  if (liveness === 'gone' || run.attempt === null) return liveness;
  const { reservedAt, startingSince, number } = run.attempt;
  const { startSeconds, silenceSeconds } = ports.settings;
  if (liveness === 'silent') return isReporting(ports, { run, progress }) ? 'alive' : 'silent';
  const heard = progress?.attempt === number ? progress.seenAt : (startingSince ?? reservedAt);
  if (heartbeat === 'answers') return isOlder(ports, heard, MUTE_SECONDS) ? 'silent' : 'alive';
  // A machine that was there so long without a claim never will: image, driver or start are broken.
  const isStarting = waiting === undefined && startingSince !== null;
  if (!isClaimed) return isStarting && isOlder(ports, startingSince, startSeconds) ? 'gone' : 'alive';
  return isOlder(ports, heard, silenceSeconds) ? 'silent' : 'alive';
}

/** One that cannot be asked and reports all the same trains: it is the program of its worker that died. */
function isReporting(ports: Ports, { run, progress }: RunView): boolean {
  if (progress === null || progress.attempt !== run.attempt?.number) return false;
  return !isOlder(ports, progress.seenAt, Math.max(FEWEST_REPORT_SECONDS, 3 * reportSeconds(ports, run, false)));
}

/** Launched, and no machine yet: the run says why, and not longer than it may. When the machine comes its start is timed from then. */
async function noteWait(ports: Ports, run: Run, waiting: Reason | null): Promise<void> {
  const noted = run.attempt?.startingSince === null ? run.waiting : null;
  if ((waiting?.code ?? null) === (noted?.code ?? null) && !hasWaitedTooLong(ports, run)) return;
  await changeRun(ports, run.id, (draft) => {
    const { state, attempt } = draft.run;
    if ((state !== 'initializing' && state !== 'paused') || attempt === null) return;
    if (hasWaitedTooLong(ports, draft.run)) requestStop(draft, waitedTooLong(ports));
    else if (waiting !== null) {
      attempt.startingSince = null;
      draft.wait(waiting);
    } else if (attempt.startingSince === null) {
      attempt.startingSince = draft.timestamp;
      draft.run.waiting = waitOfLaunched(draft);
      draft.note('waiting-changed', { message: 'has a machine' });
    }
  });
}

async function noteSilence(ports: Ports, run: Run, silentSince: string | null): Promise<void> {
  await changeRun(ports, run.id, (draft) => {
    if (draft.run.attempt === null || draft.run.attempt.number !== run.attempt?.number) return;
    draft.run.attempt.silentSince = silentSince;
    draft.note(
      'warning-raised',
      silentSince
        ? { message: 'the trainer does not answer', code: 'trainer_silent' }
        : { message: 'the trainer answers again', code: 'trainer_answers' },
    );
  });
}
