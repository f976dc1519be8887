/** training-svc's words <-> ours. Pure. */
import * as z from 'zod';
import { nameOfBase } from '#domain/base-models.ts';
import type { Problem } from '#domain/errors.ts';
import { type GivenHyperparameters, HYPERPARAMETER_ALIASES, hyperparameterFields } from '#domain/hyperparameters.ts';
import type { Run, RunView } from '#domain/run.ts';
import type { Standing } from '#domain/run-standing.ts';
import { standingOf } from '#domain/run-standing.ts';
import type { Adapter } from '#operations/adapters.ts';
import type { RunOrder } from '#operations/order-run.ts';
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

/** QLoRA on a stored session. */
export function toLoraRun(request: wire.LoraRequest, session: StoredRows | null, defaultBase: string): RunOrder {
  const hyperparameters = Object.fromEntries(Object.entries(request).filter(([name]) => HYPERPARAMETERS.has(name)));
  return toOrder(request, session, { name: 'session_id', id: request.session_id }, defaultBase, 'qlora', hyperparameters);
}

/** One forward pass of the newest hypernetwork over the first trajectory. @param trajectories what is stored under each id, in their order */
export function toHypernetworkRun(
  request: wire.HypernetworkRequest,
  trajectories: readonly (StoredRows | null)[],
  defaultBase: string,
): RunOrder {
  const [first = null, ...others] = trajectories;
  const source = { name: 'trajectory_ids.0', id: request.trajectory_ids[0] ?? '' };
  const order = toOrder(request, first, source, defaultBase, 'hypernetwork', {});
  const missing = others.flatMap((trajectory, index) =>
    trajectory ? [] : [missingRows(`trajectory_ids.${index + 1}`, request.trajectory_ids[index + 1] ?? '')],
  );
  return { ...order, problems: [...(order.problems ?? []), ...missing], purpose: 'generate' };
}

const missingRows = (path: string, id: string): Problem => ({ path, message: `nothing is stored under '${id}'` });

function toOrder(
  request: wire.LoraRequest | wire.HypernetworkRequest,
  stored: StoredRows | null,
  source: { readonly name: string; readonly id: string },
  defaultBase: string,
  peftMethod: 'qlora' | 'hypernetwork',
  hyperparameters: GivenHyperparameters,
): RunOrder {
  return {
    api: 'training-svc',
    asked: {
      ...request,
      baseModel: request.base_model ?? defaultBase,
      dataset: stored ? datasetOf(stored) : 'missing',
      peftMethod,
      hyperparameters,
    },
    at: { base: 'base_model', dataset: source.name, prefix: '' },
    problems: stored ? [] : [missingRows(source.name, source.id)],
    request,
    name: null,
    projectId: 'proj_default',
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
