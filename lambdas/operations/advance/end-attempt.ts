/** An attempt is over: its manifest says how, or nothing does because it was lost. Here the run's fate is decided. */
import { FAILURES, type FailureCode, makeFailure, mayRetry } from '#domain/failures.ts';
import { type Run, type RunView, toPastAttempt } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import { mergeChoices } from '#domain/run-choices.ts';
import { attemptName, type CheckpointRecord, type Manifest, type Progress, runFolderKeys } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Compute, Observation } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';
import { costOfAttempt } from '../attempt-cost.ts';
import { changeRun } from '../change-run.ts';
import { addCheckpoints } from './checkpoints.ts';
import { ENDING_SECONDS, isGone } from './end-machine.ts';
import type { Advance } from './pace.ts';
import { inFolder, readCheckpoints, readLogTail, readNewestSamples } from './run-folder-files.ts';
import { countStoredLines, indexLogs } from './take-up-logs.ts';
import { knownLines, takeUpProgress } from './take-up-progress.ts';

export type AttemptEnd =
  | { readonly kind: 'manifest'; readonly manifest: Manifest; readonly progress: Progress | null }
  | { readonly kind: 'lost'; readonly claimed: boolean; readonly ending?: Observation['ending'] };

export async function endAttempt(ports: Ports, view: RunView, seen: AttemptEnd): Promise<Advance> {
  const { run } = view;
  const attempt = run.attempt;
  if (attempt === null) return { phase: 'poll', waitSeconds: 0 };
  // What is seen of a machine on its way out is our own doing: why it was given up stands in the record.
  const end: AttemptEnd = seen.kind === 'lost' && attempt.ending ? { ...seen, ending: attempt.ending } : seen;
  const tag = attemptName(run.id, attempt.number);
  const compute = ports.compute.of(run.provider);
  const lastWords = end.kind === 'lost' && !end.claimed ? await readLastWords(compute, run) : []; // they go with the machine
  if (!(await isGone(compute, tag, attempt.handle))) {
    await noteEnding(ports, run, attempt.number, causeOf(end, compute));
    return { phase: 'poll', waitSeconds: ENDING_SECONDS };
  }
  if (end.kind === 'manifest' && end.progress) await takeUpProgress(ports, view, end.progress);

  const checkpoints = await readCheckpoints(ports, run);
  const samples = await readNewestSamples(ports, run);
  const evidence =
    end.kind === 'manifest'
      ? (end.manifest.failure?.evidence ?? [])
      : [...lastWords, ...(await readLogTail(ports, run, attempt.number, view.progress?.counts.logLines ?? 0, 30))];
  const cause = causeOf(end, compute);
  const stored = end.kind === 'manifest' ? await takeUpArtifacts(ports, run, end.manifest) : null;
  const outcome = end.kind === 'manifest' ? end.manifest.outcome : 'lost';
  const counts = await takeUpCounts(ports, view, attempt.number, end);
  const cost = await costOfAttempt(ports, (await ports.runs.get(run.id)) ?? view, compute, keptStep(end, checkpoints, attempt));
  const { run: after } = await changeRun(ports, run.id, (draft) => {
    const current = draft.run.attempt;
    if (current?.number !== attempt.number || current.endedAt !== null) return;
    const saved = checkpoints.some((record) => record.attempt === attempt.number);
    addCheckpoints(draft, checkpoints);
    if (samples) draft.run.samples = samples;
    current.endedAt = draft.timestamp;
    current.checkpointsSeen = checkpoints.length;
    draft.run.pastAttempts.push(toPastAttempt(current, draft.timestamp, outcome, { ...counts, ...cost, code: cause?.code ?? null }));
    if (end.kind === 'manifest') {
      draft.run.computeSeconds += end.manifest.computeSeconds;
      draft.run.lastLogAt = end.manifest.lastLogAt ?? draft.run.lastLogAt;
      current.claimId = end.manifest.claimId;
      draft.run.choices = mergeChoices(draft.run.choices, end.manifest.choices);
    } else {
      draft.run.computeSeconds += Math.max(0, ports.clock.now() - Date.parse(attempt.reservedAt)) / 1_000;
      draft.run.lastLogAt = view.progress?.lastLogAt ?? draft.run.lastLogAt;
    }
    draft.note('attempt-ended', {
      message: `attempt ${attempt.number} ${outcome === 'lost' ? 'was lost' : outcome}`,
      data: { outcome },
    });
    decide(draft, end, cause, saved, stored, evidence);
  });
  await compute.release(tag);
  return { phase: isFinal(after.state) ? 'done' : 'launch', waitSeconds: 0 };
}

async function noteEnding(ports: Ports, run: Run, number: number, cause: Cause | null): Promise<void> {
  if (run.attempt?.ending || cause === null) return;
  await changeRun(ports, run.id, (draft) => {
    const { attempt } = draft.run;
    if (attempt?.number !== number || attempt.endedAt !== null || attempt.ending !== null) return;
    attempt.ending = cause;
    draft.note('warning-raised', { message: `${cause.message}: its machine was asked to end`, code: cause.code });
  });
}

/** What the provider heard of a machine whose trainer never spoke. No words are no reason to keep the machine. */
async function readLastWords(compute: Compute, { attempt }: Run): Promise<readonly string[]> {
  if (!compute.rental || !attempt?.handle) return [];
  try {
    return await compute.rental.lastWords(attempt.handle);
  } catch (error) {
    return [`the provider's log of the machine cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** The step whose work is not done again: the last one of an attempt that saved at its end, else that of its newest checkpoint. */
function keptStep(end: AttemptEnd, checkpoints: readonly CheckpointRecord[], attempt: NonNullable<Run['attempt']>): number {
  if (end.kind === 'manifest' && end.manifest.outcome === 'completed') return end.manifest.step;
  const own = checkpoints.filter((record) => record.attempt === attempt.number);
  return Math.max(attempt.resumeFrom?.step ?? 0, ...own.map(({ step }) => step));
}

interface Cause {
  readonly code: string;
  readonly message: string;
}

/** What the trainer says of its machine. Where another can be rented, these are no fault of the run's. */
const MACHINE_FAULTS: ReadonlySet<string> = new Set(['no_gpu', 'gpu_driver_too_old']);

/** Why the attempt did not do its work; null where it did, or was asked not to. */
function causeOf(end: AttemptEnd, { rental }: Compute): Cause | null {
  if (end.kind === 'lost') {
    return {
      code: end.ending?.code ?? 'supervisor_lost',
      message:
        end.ending?.message ??
        (end.claimed ? 'the trainer was lost: it no longer answers and left no outcome' : 'the trainer did not start'),
    };
  }
  const { outcome, failure } = end.manifest;
  if (outcome === 'completed' || outcome === 'paused') return null;
  if (outcome !== 'failed') return { code: 'interrupted', message: 'the trainer was asked by its machine to end' };
  const code = failure?.code ?? 'trainer_error';
  const message = failure?.message ?? 'the trainer failed without a reason';
  return rental && MACHINE_FAULTS.has(code) ? { code: 'machine_unfit', message } : { code, message };
}

/** How many lines and rows the attempt left; the index knows its log to the end before the record does. */
async function takeUpCounts(
  ports: Ports,
  view: RunView,
  attempt: number,
  end: AttemptEnd,
): Promise<{ logLines: number; metricRows: number }> {
  const known = knownLines(view, attempt);
  const metricRows = view.progress?.attempt === attempt ? view.progress.counts.metricRows : 0;
  const counts =
    end.kind === 'manifest'
      ? end.manifest.counts
      : { logLines: end.claimed ? await countStoredLines(ports, view.run, attempt, known) : 0, metricRows };
  await indexLogs(ports, view.run, attempt, known, counts.logLines);
  return counts;
}

interface Stored {
  readonly result: NonNullable<Run['result']>;
  /** why the result is not also in the folder that the user named; null when it is, or none was named */
  readonly unpublished: string | null;
  /** null: every file is there with the bytes that the trainer wrote */
  readonly fault: string | null;
}

async function takeUpArtifacts(ports: Ports, run: Run, manifest: Manifest): Promise<Stored | null> {
  if (manifest.files.length === 0) return null;
  const fault = await ports.artifacts.verify(inFolder(run, runFolderKeys.artifact(run.id, '')), manifest.files);
  const weights = manifest.files.filter(({ kind, path }) => (kind === 'adapter' || kind === 'model') && path.endsWith('.safetensors'));
  const main = weights.find(({ kind }) => kind === 'adapter') ?? weights[0];
  const { location, unpublished } =
    fault === null && main ? await publish(ports, run, `${main.kind}/`) : { location: null, unpublished: null };
  const sha256 = main?.sha256 ?? null;
  return { fault, unpublished, result: { metrics: manifest.metrics, base: manifest.base, files: manifest.files, location, sha256 } };
}

/** The copy under the user's own name is a convenience: where it cannot be made, the result stays where it is stored, and the run says so. */
async function publish(ports: Ports, run: Run, folder: string): Promise<{ location: string; unpublished: string | null }> {
  const prefix = inFolder(run, runFolderKeys.artifact(run.id, folder));
  try {
    return { location: await ports.artifacts.publish(prefix, run.outputDir), unpublished: null };
  } catch (error) {
    return { location: await ports.artifacts.publish(prefix, null), unpublished: error instanceof Error ? error.message : String(error) };
  }
}

/** The whole table of ends. */
function decide(
  draft: RunChange,
  end: AttemptEnd,
  cause: Cause | null,
  savedCheckpoint: boolean,
  stored: Stored | null,
  evidence: readonly string[],
): void {
  const { run } = draft;
  if (stored && stored.fault === null) run.result = stored.result;
  if (stored?.unpublished)
    draft.note('warning-raised', { message: `not copied to '${run.outputDir}': ${stored.unpublished}`, code: 'not_published' });
  if (run.state === 'stopping') {
    const what =
      end.kind === 'lost'
        ? 'the trainer was lost while stopping'
        : end.manifest.outcome === 'completed'
          ? 'the run had finished'
          : end.manifest.outcome === 'failed'
            ? `it failed while stopping: ${end.manifest.failure?.message ?? ''}`
            : (end.manifest.endDetail ?? 'stopped');
    const at = run.lastCheckpoint ? `; last checkpoint ${run.lastCheckpoint.checkpoint}` : '; no checkpoint';
    run.stopDetail = { code: run.stopDetail?.code ?? 'stop_requested', message: `${run.stopDetail?.message ?? 'stopped'}; ${what}${at}` };
    draft.move('stopped', { message: run.stopDetail.message, code: run.stopDetail.code });
    return;
  }
  if (cause) {
    tryAgain(draft, cause, evidence, savedCheckpoint);
    return;
  }
  if (end.kind === 'manifest' && end.manifest.outcome === 'paused') {
    draft.move('paused', { message: pausedAt(run) });
    return;
  }
  if (stored === null || stored.fault !== null) {
    breakRun(draft, 'artifacts_corrupt', stored?.fault ?? 'the trainer finished without an artifact', evidence);
    return;
  }
  // Polls sample: a resumed run may have finished before it was seen running.
  if (run.state === 'paused' || run.state === 'initializing') draft.move('started', { message: 'training' });
  draft.move('finished', { message: 'completed: artifacts stored and verified' });
}

/** The next attempt where the table of causes allows one, else the end. */
function tryAgain(draft: RunChange, { code: givenCode, message }: Cause, evidence: readonly string[], savedCheckpoint: boolean): void {
  const { run } = draft;
  const { code } = makeFailure(givenCode, message);
  const seen = (run.failuresSeen[code] ?? 0) + 1;
  run.failuresSeen[code] = seen;
  run.fruitlessAttempts = savedCheckpoint ? 0 : run.fruitlessAttempts + 1;
  if (!mayRetry(code, seen, run.fruitlessAttempts)) {
    breakRun(
      draft,
      givenCode,
      ['go-on', 'elsewhere'].includes(FAILURES[code].retry)
        ? `${message}, ${run.fruitlessAttempts} times in a row without a new checkpoint`
        : message,
      evidence,
    );
    return;
  }
  if (run.want === 'pause') {
    draft.note('warning-raised', { message: `${message}, while it was pausing`, code });
    draft.move('paused', { message: pausedAt(run), code });
    return;
  }
  draft.note('warning-raised', { message: `${message}; the next attempt goes on`, code });
  draft.move('interrupted', { message: 'waits for its next attempt', code });
}

const pausedAt = ({ lastCheckpoint }: Run): string =>
  `paused${lastCheckpoint ? ` at step ${lastCheckpoint.step}` : ' before its first checkpoint'}`;

function breakRun(draft: RunChange, code: FailureCode | string, message: string, evidence: readonly string[]): void {
  draft.run.failure = makeFailure(code, message, evidence);
  draft.move('broke', { message: draft.run.failure.message, code: draft.run.failure.code });
}
