/** Ours -> the wire of our own reads. Pure. */
import type * as z from 'zod';
import { nameOfBase } from '#domain/base-models.ts';
import type { Run, RunEvent, RunProgress, RunView, Tag } from '#domain/run.ts';
import { checkpointId, listArtifacts } from '#domain/run-artifacts.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { etaSeconds, fractionDone } from '#domain/run-progress.ts';
import type { Dataset } from '#domain/training.ts';
import { totalCost } from '#operations/attempt-cost.ts';
import type { GarbageOrder } from '#operations/collect-garbage.ts';
import type { CheckpointFiles, LinkedFile } from '#operations/find-file.ts';
import type { EventPage } from '#operations/list-events.ts';
import type { Page } from '#operations/list-runs.ts';
import type { LogPage } from '#operations/read-logs.ts';
import type { CurveQuery, Curves } from '#operations/read-metrics.ts';
import type { RunFilter } from '#ports/run-store.ts';
import type {
  artifactListResponse,
  checkpointDetailResponse,
  checkpointListResponse,
  eventListResponse,
  eventResponse,
  fileLinkResponse,
  garbageRequest,
  listQuery,
  logsResponse,
  metricsQuery,
  metricsResponse,
  runDetailResponse,
  runListResponse,
  runSummaryResponse,
} from './schemas.ts';

export function toFilter({ state, provider, project, api }: z.infer<typeof listQuery>): RunFilter {
  return {
    ...(state && { state }),
    ...(provider && { provider }),
    ...(project && { projectId: project }),
    ...(api && { api }),
  };
}

export const toList = ({ items, next }: Page<RunView>, total: number): z.infer<typeof runListResponse> => ({
  items: items.map(toSummary),
  total,
  next,
});

export function toSummary(view: RunView): z.infer<typeof runSummaryResponse> {
  const { run, progress } = view;
  return {
    id: run.id,
    name: run.name,
    api: run.api,
    project_id: run.projectId,
    provider: run.provider,
    state: run.state,
    base_model: nameOfBase(run.training.baseModel),
    dataset: nameOfDataset(run.training.dataset),
    method: run.training.method,
    peft_method: run.training.peftMethod,
    created_at: run.createdAt,
    submitted_at: run.submittedAt,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    progress: progress ? toProgress(view, progress) : null,
    waiting: run.waiting,
    failure: run.failure,
    stop_detail: run.stopDetail,
    compute_seconds: run.computeSeconds,
    ...toCost(run),
    attempt_since: run.attempt?.endedAt === null ? run.attempt.reservedAt : null,
  };
}

function toCost(run: RunView['run']): Pick<z.infer<typeof runSummaryResponse>, 'gpu_seconds' | 'cost_usd'> {
  const { spentGpuSeconds, usefulGpuSeconds, usd } = totalCost(run);
  return { gpu_seconds: { spent: spentGpuSeconds, useful: usefulGpuSeconds }, cost_usd: usd };
}

export function toDetail(view: RunView): z.infer<typeof runDetailResponse> {
  const { run } = view;
  return {
    ...toSummary(view),
    version: run.version,
    updated_at: run.updatedAt,
    want: run.want,
    request: run.request,
    parameters: toSnakeCase(run.training.hyperparameters),
    choices: run.choices,
    compute: {
      nodes: run.compute.nodes,
      gpus_per_node: run.compute.gpusPerNode,
      gpu_type: run.compute.gpuType,
      gpu_memory_gb: run.compute.gpuMemoryGb,
      region: run.compute.region,
      spot: run.compute.spot,
      max_usd_per_hour: run.compute.maxUsdPerHour,
    },
    max_runtime_seconds: run.maxRuntimeSeconds,
    attempts: toAttempts(view),
    checkpoints: run.checkpoints.map(({ checkpoint, step, attempt, evalLoss, sizeBytes }) => ({
      name: checkpoint,
      step,
      attempt,
      eval_loss: evalLoss,
      size_bytes: sizeBytes,
    })),
    samples: run.samples && { step: run.samples.step, items: run.samples.items },
    result: run.result && {
      metrics: run.result.metrics,
      base: run.result.base,
      location: run.result.location,
      sha256: run.result.sha256,
    },
  };
}

function toProgress(view: RunView, progress: RunProgress): NonNullable<z.infer<typeof runSummaryResponse>['progress']> {
  const { attempt, phase, phaseDetail, phaseFraction, step, steps, epoch, metrics, seenAt } = progress;
  return {
    attempt,
    phase,
    phase_detail: phaseDetail,
    phase_fraction: phaseFraction,
    step,
    steps,
    fraction: fractionDone(view) ?? 0,
    epoch,
    metrics,
    eta_seconds: etaSeconds(view),
    seen_at: seenAt,
  };
}

/** A record's own names as the wire spells them. */
export const toSnakeCase = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );

/** Those that are over, then the one under way. */
function toAttempts({ run: { pastAttempts, attempt }, progress }: RunView): z.infer<typeof runDetailResponse>['attempts'] {
  const past = pastAttempts.map((one) => ({
    number: one.number,
    outcome: one.outcome,
    reserved_at: one.reservedAt,
    ended_at: one.endedAt,
    resumed_from_step: one.resumedFromStep,
    log_lines: one.logLines,
    code: one.code,
    place: one.place,
    spent_gpu_seconds: one.spentGpuSeconds,
    useful_gpu_seconds: one.usefulGpuSeconds,
    cost_usd: one.usd,
    usd_per_hour: null,
  }));
  if (attempt === null || attempt.endedAt !== null) return past;
  return [
    ...past,
    {
      number: attempt.number,
      outcome: null,
      reserved_at: attempt.reservedAt,
      ended_at: null,
      resumed_from_step: attempt.resumeFrom?.step ?? null,
      log_lines: progress?.attempt === attempt.number ? progress.counts.logLines : 0,
      code: null,
      place: textOr(attempt.handle?.['place']),
      spent_gpu_seconds: null,
      useful_gpu_seconds: null,
      cost_usd: null,
      usd_per_hour: numberOr(attempt.handle?.['usdPerHour']),
    },
  ];
}

const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);

export const nameOfDataset = (dataset: Dataset): string => (dataset.kind === 'hub' ? dataset.id : dataset.uri);

export function toEvent({ sequence, timestamp, type, state, attempt, code, message, data }: RunEvent): z.infer<typeof eventResponse> {
  return { sequence, timestamp, type, state, attempt, code, message, data };
}

export const toEventList = ({ items, next }: EventPage): z.infer<typeof eventListResponse> => ({ items: items.map(toEvent), next });

export const toLogs = ({ items, next }: Omit<LogPage, 'total'>, total: number | null): z.infer<typeof logsResponse> => ({
  items: items.map(({ number, attempt, timestamp, level, rank, message }) => ({ line: number, attempt, timestamp, level, rank, message })),
  total,
  next,
});

export const toCurveQuery = ({ names, from_step, to_step, points }: z.infer<typeof metricsQuery>): CurveQuery => ({
  names: names === undefined ? null : names.split(','),
  fromStep: from_step,
  toStep: to_step,
  points,
});

export const toMetrics = ({ names, curves, axes }: Curves): z.infer<typeof metricsResponse> => ({
  names,
  series: curves.map(({ name, points, total }) => ({
    name,
    shown: `${points.length.toLocaleString('en')} of ${total.toLocaleString('en')}`,
    total,
    points: points.map(({ fromStep, toStep, count, min, max, mean, last }) => ({
      from_step: fromStep,
      to_step: toStep,
      count,
      min,
      max,
      mean,
      last,
    })),
  })),
  axes: { epoch: axes.epoch, timestamp: axes.timestamp },
});

const toTag = ({ value, notes, appliedAt }: Tag) => ({ value, notes, applied_at: appliedAt });

/** Says where a key of the artifacts store lies. */
type Locate = (key: string) => string;

const toCheckpoint = (
  run: Run,
  { checkpoint, folder, step, attempt, reason, evalLoss, sizeBytes, createdAt }: Run['checkpoints'][number],
  locate: Locate,
): z.infer<typeof checkpointListResponse>['items'][number] => ({
  id: checkpointId(run, checkpoint),
  name: checkpoint,
  step,
  attempt,
  reason,
  eval_loss: evalLoss,
  size_bytes: sizeBytes,
  created_at: createdAt,
  uri: locate(`${run.folder}/${runFolderKeys.checkpointFolder(folder)}`),
  tags: (run.tags[checkpointId(run, checkpoint)] ?? []).map(toTag),
  pinned: run.pinnedCheckpoints.includes(checkpoint),
});

export const toCheckpoints = ({ run }: RunView, locate: Locate): z.infer<typeof checkpointListResponse> => ({
  items: run.checkpoints.toSorted((a, b) => b.step - a.step).map((checkpoint) => toCheckpoint(run, checkpoint, locate)),
});

export const toCheckpointDetail = (
  { run }: RunView,
  { listed, files }: CheckpointFiles,
  locate: Locate,
): z.infer<typeof checkpointDetailResponse> => ({
  ...toCheckpoint(run, listed, locate),
  files: files.map(({ path, sizeBytes, sha256 }) => ({
    path,
    size_bytes: sizeBytes,
    sha256,
    href: hrefOf(run.id, `checkpoints/${listed.checkpoint}/${path}`),
  })),
});

export const toFileLink = ({ link, sizeBytes, sha256 }: LinkedFile): z.infer<typeof fileLinkResponse> => ({
  url: link,
  size_bytes: sizeBytes,
  sha256,
});

export const toArtifacts = ({ run }: RunView, locate: Locate): z.infer<typeof artifactListResponse> => ({
  items: listArtifacts(run).map(({ id, name, type, key, createdAt, sizeBytes, tags }) => ({
    id,
    name,
    type,
    created_at: createdAt,
    size_bytes: sizeBytes,
    uri: locate(key),
    tags: tags.map(toTag),
    files: (run.result?.files ?? [])
      .filter(({ kind }) => kind === type)
      .map(({ path, sizeBytes: size, sha256 }) => ({ path, size_bytes: size, sha256, href: hrefOf(run.id, path) })),
  })),
});

const hrefOf = (runId: string, path: string): string => `/runs/${runId}/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`;

const DAY_MILLIS = 24 * 3_600_000;

export const toGarbageOrder = ({ older_than_days, dry_run, limit, after }: z.infer<typeof garbageRequest>, now: number): GarbageOrder => ({
  before: now - older_than_days * DAY_MILLIS,
  limit,
  after,
  isDryRun: dry_run,
});
