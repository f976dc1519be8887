/** An attempt is over: its manifest says how, or nothing does because it was lost. Here the run's fate is decided. */
import { FAILURES, type FailureCode, makeFailure, mayRetry } from '#domain/failures.ts';
import { type Run, type RunView, toPastAttempt } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import { attemptName, type Manifest, type Progress, runFolderKeys } from '#domain/run-folder.ts';
import type { Observation, Ports } from '#ports';
import { changeRun } from '../change-run.ts';
import { addCheckpoints } from './checkpoints.ts';
import type { Advance } from './pace.ts';
import { inFolder, readCheckpoints, readLogTail, readNewestSamples } from './run-folder-files.ts';
import { countStoredLines, indexLogs } from './take-up-logs.ts';
import { knownLines, takeUpProgress } from './take-up-progress.ts';

export type AttemptEnd =
  | { readonly kind: 'manifest'; readonly manifest: Manifest; readonly progress: Progress | null }
  | { readonly kind: 'lost'; readonly claimed: boolean; readonly ending?: Observation['ending'] };

export async function endAttempt(ports: Ports, view: RunView, end: AttemptEnd): Promise<Advance> {
  const { run } = view;
  const attempt = run.attempt;
  if (attempt === null) return { phase: 'poll', waitSeconds: 0 };
  const tag = attemptName(run.id, attempt.number);
  const compute = ports.compute.of(run.provider);
  await compute.terminate(tag, attempt.handle);
  if (end.kind === 'manifest' && end.progress) await takeUpProgress(ports, view, end.progress);

  const checkpoints = await readCheckpoints(ports, run);
  const samples = await readNewestSamples(ports, run);
  const evidence =
    end.kind === 'manifest'
      ? (end.manifest.failure?.evidence ?? [])
      : await readLogTail(ports, run, attempt.number, view.progress?.counts.logLines ?? 0, 30);
  const stored = end.kind === 'manifest' ? await takeUpArtifacts(ports, run, end.manifest) : null;
  const outcome = end.kind === 'manifest' ? end.manifest.outcome : 'lost';
  const counts = await takeUpCounts(ports, view, attempt.number, end);
  await changeRun(ports, run.id, (draft) => {
    const current = draft.run.attempt;
    if (current?.number !== attempt.number || current.endedAt !== null) return;
    const saved = checkpoints.some((record) => record.attempt === attempt.number);
    addCheckpoints(draft, checkpoints);
    if (samples) draft.run.samples = samples;
    current.endedAt = draft.timestamp;
    current.checkpointsSeen = checkpoints.length;
    draft.run.pastAttempts.push(toPastAttempt(current, draft.timestamp, outcome, counts));
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
    decide(draft, end, saved, stored, evidence);
  });
  await compute.release(tag);
  return { phase: 'poll', waitSeconds: 0 };
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
function decide(draft: RunChange, end: AttemptEnd, savedCheckpoint: boolean, stored: Stored | null, evidence: readonly string[]): void {
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
            : 'stopped';
    const at = run.lastCheckpoint ? `; last checkpoint ${run.lastCheckpoint.checkpoint}` : '; no checkpoint';
    run.stopDetail = { code: run.stopDetail?.code ?? 'stop_requested', message: `${run.stopDetail?.message ?? 'stopped'}; ${what}${at}` };
    draft.move('stopped', { message: run.stopDetail.message, code: run.stopDetail.code });
    return;
  }
  if (end.kind === 'lost') {
    tryAgain(
      draft,
      end.ending?.code ?? 'supervisor_lost',
      end.ending?.message ?? (end.claimed ? 'the trainer was lost: it no longer answers and left no outcome' : 'the trainer did not start'),
      evidence,
      savedCheckpoint,
    );
    return;
  }
  const { manifest } = end;
  switch (manifest.outcome) {
    case 'completed':
      if (stored === null || stored.fault !== null)
        breakRun(draft, 'artifacts_corrupt', stored?.fault ?? 'the trainer finished without an artifact', evidence);
      else {
        // Polls sample: a resumed run may have finished before it was seen running.
        if (run.state === 'paused' || run.state === 'initializing') draft.move('started', { message: 'training' });
        draft.move('finished', { message: 'completed: artifacts stored and verified' });
      }
      return;
    case 'paused':
      draft.move('paused', { message: pausedAt(run) });
      return;
    case 'failed':
      tryAgain(
        draft,
        manifest.failure?.code ?? 'trainer_error',
        manifest.failure?.message ?? 'the trainer failed without a reason',
        evidence,
        savedCheckpoint,
      );
      return;
    case 'stopped':
    case 'interrupted':
    case 'superseded':
      tryAgain(draft, 'interrupted', 'the trainer was asked by its machine to end', evidence, savedCheckpoint);
  }
}

/** The next attempt where the table of causes allows one, else the end. */
function tryAgain(draft: RunChange, givenCode: string, message: string, evidence: readonly string[], savedCheckpoint: boolean): void {
  const { run } = draft;
  const { code } = makeFailure(givenCode, message);
  const seen = (run.failuresSeen[code] ?? 0) + 1;
  run.failuresSeen[code] = seen;
  run.fruitlessAttempts = savedCheckpoint ? 0 : run.fruitlessAttempts + 1;
  if (!mayRetry(code, seen, run.fruitlessAttempts)) {
    breakRun(
      draft,
      givenCode,
      FAILURES[code].retry === 'go-on' ? `${message}, ${run.fruitlessAttempts} times in a row without a new checkpoint` : message,
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

const mergeChoices = (before: Run['choices'], now: Run['choices']): Run['choices'] => [
  ...before.filter(({ name }) => !now.some((choice) => choice.name === name)),
  ...now,
];
