/** training-svc's words <-> ours. Pure. */
import * as z from 'zod';
import { nameOfBase } from '#domain/base-models.ts';
import { InvalidRequest, type Problem } from '#domain/errors.ts';
import { HYPERPARAMETER_ALIASES, hyperparameterFields } from '#domain/hyperparameters.ts';
import type { Run, RunView } from '#domain/run.ts';
import { planRun } from '#domain/run-request.ts';
import type { Standing } from '#domain/run-standing.ts';
import { standingOf } from '#domain/run-standing.ts';
import type { Adapter } from '#operations/adapters.ts';
import type { NewRun } from '#operations/create-run.ts';
import { datasetOf, type StoredRows } from '#operations/stored-rows.ts';
import type * as wire from './schemas.ts';

type Status = (typeof wire.STATUSES)[number];

const STATUS: Readonly<Record<Standing, Status>> = {
  created: 'queued',
  queued: 'queued',
  'queued-again': 'running', // the document knows no way back from running
  initializing: 'queued',
  'initializing-again': 'running',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};
export const toStatus = (run: Run): Status => STATUS[standingOf(run)];

const HYPERPARAMETERS = new Set([...Object.keys(hyperparameterFields), ...Object.keys(HYPERPARAMETER_ALIASES)]);

/** QLoRA on a stored session. @throws InvalidRequest */
export function toLoraRun(request: wire.LoraRequest, session: StoredRows | null, defaultBase: string): NewRun {
  const hyperparameters = Object.fromEntries(Object.entries(request).filter(([name]) => HYPERPARAMETERS.has(name)));
  return toNewRun(request, session, { name: 'session_id', id: request.session_id }, defaultBase, 'qlora', hyperparameters);
}

/** One forward pass of the newest hypernetwork over the first trajectory. @throws InvalidRequest */
export function toHypernetworkRun(request: wire.HypernetworkRequest, trajectory: StoredRows | null, defaultBase: string): NewRun {
  const source = { name: 'trajectory_ids.0', id: request.trajectory_ids[0] ?? '' };
  return { ...toNewRun(request, trajectory, source, defaultBase, 'hypernetwork', {}), purpose: 'generate' };
}

function toNewRun(
  request: wire.LoraRequest | wire.HypernetworkRequest,
  stored: StoredRows | null,
  source: { readonly name: string; readonly id: string },
  defaultBase: string,
  peftMethod: 'qlora' | 'hypernetwork',
  hyperparameters: Parameters<typeof planRun>[0]['hyperparameters'],
): NewRun {
  const { plan, problems: planProblems } = planRun(
    {
      ...request,
      baseModel: request.base_model ?? defaultBase,
      dataset: stored ? datasetOf(stored) : 'missing',
      peftMethod,
      hyperparameters,
    },
    { base: 'base_model', dataset: source.name, prefix: '' },
  );
  const missing: Problem[] = stored ? [] : [{ path: source.name, message: `nothing is stored under '${source.id}'` }];
  const problems = [...missing, ...planProblems];
  if (problems.length > 0) throw new InvalidRequest(problems);
  return {
    api: 'training-svc',
    plan,
    request,
    name: null,
    projectId: 'proj_default',
    provider: request.provider ?? null,
    outputDir: null,
    submit: true,
    adapterId: request.adapter_id ?? null,
    metadata: { ...(request.task_type !== undefined && { taskType: request.task_type }) },
  };
}

const taskTypeOf = ({ metadata }: Run): string | null => (typeof metadata['taskType'] === 'string' ? metadata['taskType'] : null);

export const toStarted = ({ run }: RunView): z.infer<typeof wire.startResponse> => ({ job_id: run.id, status: toStatus(run) });

export const toJobStatus = ({ run }: RunView): z.infer<typeof wire.jobStatusResponse> => ({
  job_id: run.id,
  status: toStatus(run),
  adapter_id: run.adapterId ?? run.id,
  error: run.failure?.message ?? null,
  task_type: taskTypeOf(run),
  waiting: run.waiting,
  failure: run.failure,
});

const toStored = ({ rows, format, sizeBytes, sha256, uri, storedAt }: StoredRows) => ({
  rows,
  format,
  size_bytes: sizeBytes,
  sha256,
  uri,
  stored_at: storedAt,
});
export const toSession = (stored: StoredRows): z.infer<typeof wire.sessionResponse> => ({ session_id: stored.id, ...toStored(stored) });
export const toTrajectory = (stored: StoredRows): z.infer<typeof wire.trajectoryResponse> => ({
  trajectory_id: stored.id,
  ...toStored(stored),
});

const ROWS_SHOWN = 100;
const rowSchema = z.record(z.string(), z.unknown());

const toRows = (content: string | null): Record<string, unknown>[] =>
  (content ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, ROWS_SHOWN)
    .map((line) => rowSchema.parse(JSON.parse(line)));

export const toSessionDetail = (stored: StoredRows & { content: string | null }): z.infer<typeof wire.sessionDetailResponse> => ({
  ...toSession(stored),
  items: toRows(stored.content),
});

export function toTrajectoryDetail(stored: StoredRows & { content: string | null }): z.infer<typeof wire.trajectoryDetailResponse> {
  const messages = toRows(stored.content)[0]?.['messages'];
  return { ...toTrajectory(stored), messages: Array.isArray(messages) ? messages : [] };
}

export function toAdapter({ view: { run }, files }: Adapter): z.infer<typeof wire.adapterResponse> {
  const { result, training } = run;
  return {
    adapter_id: run.adapterId ?? run.id,
    job_id: run.id,
    task_type: taskTypeOf(run),
    base_model: result?.base?.id ?? nameOfBase(training.baseModel),
    base_commit: result?.base?.commit ?? null,
    path: result?.location ?? null,
    sha256: result?.sha256 ?? null,
    files: files.map(({ path, sizeBytes, sha256, link }) => ({ path, size_bytes: sizeBytes, sha256, download_url: link })),
    completed_at: run.completedAt,
  };
}
