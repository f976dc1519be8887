/** One look at a live attempt: take up what the trainer reported, let it know what is wanted, and see whether it still lives. */

import type { Run, RunView } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import { type CheckpointRecord, PHASES, type SamplesRow } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { answerMailbox } from '../answer-mailbox.ts';
import { changeRun } from '../change-run.ts';
import { requestStop } from '../stop-run.ts';
import { checkLiveness } from './check-liveness.ts';
import { addCheckpoints, pruneCheckpoints } from './checkpoints.ts';
import { endAttempt } from './end-attempt.ts';
import { keepControl } from './keep-control.ts';
import type { Advance } from './pace.ts';
import { waitOfLaunched } from './patience.ts';
import { type AttemptFiles, readAttempt, readCheckpoints, readNewestSamples } from './run-folder-files.ts';
import { takeUpProgress } from './take-up-progress.ts';

const TRAINING = PHASES.indexOf('training');

export async function pollAttempt(ports: Ports, view: RunView): Promise<Advance> {
  const { run } = view;
  const attempt = run.attempt;
  if (attempt === null) return { phase: 'poll', waitSeconds: 0 };
  await answerMailbox(ports, run);
  const files = await readAttempt(ports, run, attempt.number);
  if (files.manifest) return endAttempt(ports, view, { kind: 'manifest', manifest: files.manifest, progress: files.progress });

  const progress = files.progress && (await takeUpProgress(ports, view, files.progress));
  await takeUpNews(ports, view, files);
  await keepControl(ports, run, attempt.number, files.progress?.controlVersion ?? -1);
  await enforceTimeLimit(ports, run);
  return checkLiveness(ports, progress ? { run, progress } : view, files);
}

interface News {
  readonly started: boolean;
  readonly claimId: string | null;
  readonly checkpoints: readonly CheckpointRecord[];
  readonly checkpointCount: number;
  readonly samples: SamplesRow | null;
  readonly sampleCount: number;
}

async function takeUpNews(ports: Ports, { run }: RunView, { claim, progress }: AttemptFiles): Promise<void> {
  const attempt = run.attempt;
  if (attempt === null) return;
  const checkpointCount = progress?.counts.checkpoints ?? 0;
  const sampleCount = progress?.counts.samples ?? 0;
  const news: News = {
    started: progress !== null && PHASES.indexOf(progress.phase) >= TRAINING && (run.state === 'initializing' || run.state === 'paused'),
    claimId: attempt.claimId === null ? (claim?.claimId ?? null) : null,
    checkpoints: checkpointCount > attempt.checkpointsSeen ? await readCheckpoints(ports, run) : [],
    checkpointCount,
    samples: sampleCount > attempt.samplesSeen ? await readNewestSamples(ports, run) : null,
    sampleCount,
  };
  if (!news.started && news.claimId === null && news.checkpoints.length === 0 && news.samples === null) return;
  const after = await changeRun(ports, run.id, (draft) => addNews(draft, attempt.number, news));
  if (news.checkpoints.length > 0) await pruneCheckpoints(ports, after.run);
}

function addNews(draft: RunChange, number: number, news: News): void {
  const { attempt } = draft.run;
  if (attempt?.number !== number || attempt.endedAt !== null) return;
  if (attempt.claimId === null && news.claimId !== null) {
    attempt.claimId = news.claimId;
    // Who claims is there: the wait for a machine is over, whether or not it was seen in between.
    attempt.startingSince ??= draft.timestamp;
    draft.run.waiting = waitOfLaunched(draft);
    draft.note('attempt-started', { message: `attempt ${number} was claimed by its trainer` });
  }
  if (news.started && (draft.run.state === 'initializing' || (draft.run.state === 'paused' && draft.run.want === 'run'))) {
    const from = attempt.resumeFrom;
    attempt.trainingSince = draft.timestamp;
    draft.move('started', { message: from ? `training, resumed at step ${from.step}` : 'training' });
  }
  addCheckpoints(draft, news.checkpoints);
  attempt.checkpointsSeen = Math.max(attempt.checkpointsSeen, news.checkpointCount);
  if (news.samples && attempt.samplesSeen < news.sampleCount) {
    attempt.samplesSeen = news.sampleCount;
    draft.run.samples = news.samples;
    draft.note('samples-saved', {
      message: `answers to ${news.samples.items.length} sample prompts at step ${news.samples.step}`,
      data: { step: news.samples.step },
    });
  }
}

async function enforceTimeLimit(ports: Ports, run: Run): Promise<void> {
  if (run.startedAt === null || run.want === 'stop' || run.attempt === null) return;
  // What counts is time at work: of attempts that are over, and of this one. A pause of a week takes nothing from it.
  const since = Math.max(Date.parse(run.startedAt), Date.parse(run.attempt.reservedAt));
  if (run.computeSeconds + (ports.clock.now() - since) / 1_000 < run.maxRuntimeSeconds) return;
  await changeRun(ports, run.id, (draft) => {
    if (draft.run.state !== 'running' && draft.run.state !== 'initializing') return;
    requestStop(draft, { code: 'time_limit', message: `reached max_runtime of ${run.maxRuntimeSeconds} s` });
  });
}
