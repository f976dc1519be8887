/** The orchestrator's words <-> ours. Pure. */
import type * as z from 'zod';
import { nameOfBase } from '#domain/base-models.ts';
import type { Run, RunProgress, RunView } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import { STANDINGS, type Standing, standingOf } from '#domain/run-standing.ts';
import type { TrainedArtifact } from '#operations/download-artifact.ts';
import type { RunOrder } from '#operations/order-run.ts';
import type { Ticket } from '#operations/tickets.ts';
import type { RunFilter } from '#ports/run-store.ts';
import type * as wire from './schemas.ts';

type State = (typeof wire.STATES)[number];

const STATE: Readonly<Record<Standing, State>> = {
  created: 'created',
  queued: 'initializing',
  'queued-again': 'running', // the document knows no way back from running
  initializing: 'initializing',
  'initializing-again': 'running',
  running: 'running',
  paused: 'paused',
  stopping: 'stopped', // accepted and irrevocable; completed_at stays null until the compute is gone
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};
export const toState = (run: Pick<Run, 'state' | 'startedAt'>): State => STATE[standingOf(run)];

export const toFilter = ({ provider, state }: wire.ListQuery): RunFilter => ({
  ...(provider && { provider }),
  ...(state && { standing: STANDINGS.filter((standing) => STATE[standing] === state) }),
});

export function toOrder(request: z.infer<typeof wire.createRequest>): RunOrder {
  const { base_model, dataset, name, peft_method, hyperparameters, framework, metadata, ...rest } = request;
  return {
    api: 'orchestrator',
    asked: {
      ...rest,
      baseModel: base_model,
      dataset,
      framework,
      peftMethod: peft_method ?? 'lora',
      hyperparameters: hyperparameters ?? {},
    },
    at: { base: 'base_model', dataset: 'dataset', prefix: 'hyperparameters.' },
    request,
    name: name ?? null,
    projectId: 'proj_default',
    outputDir: null,
    submit: false,
    metadata: { ...metadata },
  };
}

/** What the provider calls the newest attempt: its machine, where it is one by the hour. Null until it was launched. */
function providerJobId({ id, attempt }: Run): string | null {
  if (!attempt?.handle) return null;
  const { machine } = attempt.handle;
  return typeof machine === 'string' && machine !== '' ? machine : attemptName(id, attempt.number);
}

export const toSummary = ({ run }: RunView): z.infer<typeof wire.jobSummary> => ({
  job_id: run.id,
  name: run.name,
  state: toState(run),
  provider: run.provider,
  created_at: run.createdAt,
  started_at: run.startedAt,
  completed_at: run.completedAt,
  waiting: run.waiting,
  failure: run.failure,
});

export const toSubmission = ({ run }: RunView): z.infer<typeof wire.submitResponse> => ({
  job_id: run.id,
  provider: run.provider,
  provider_job_id: providerJobId(run),
  state: toState(run),
  started_at: run.startedAt,
});

export function toStatus(view: RunView, trained: TrainedArtifact | null): z.infer<typeof wire.statusResponse> {
  const { run, progress } = view;
  return {
    ...toSubmission(view),
    current_metrics: progress && toCurrentMetrics(progress),
    completed_at: run.completedAt,
    artifact_info: trained && toArtifact(trained),
    waiting: run.waiting,
    failure: run.failure,
    stop_detail: run.stopDetail,
  };
}

export const toCurrentMetrics = ({ step, epoch, metrics }: RunProgress) => ({
  ...metrics,
  step,
  epoch,
  loss: metrics['loss'] ?? null,
  learning_rate: metrics['learning_rate'] ?? null,
});

export function toJob(view: RunView, trained: TrainedArtifact | null): z.infer<typeof wire.jobResponse> {
  const { run } = view;
  const { baseModel, dataset, peftMethod, framework } = run.training;
  return {
    ...toStatus(view, trained),
    name: run.name,
    base_model: nameOfBase(baseModel),
    dataset: dataset.kind === 'hub' ? dataset.id : dataset.uri,
    peft_method: peftMethod,
    framework,
    hyperparameters: run.request['hyperparameters'] ?? {},
    metadata: run.metadata,
    created_at: run.createdAt,
  };
}

export const toCancellation = ({ run }: RunView): z.infer<typeof wire.cancelResponse> => ({
  job_id: run.id,
  state: toState(run),
  completed_at: run.completedAt,
  message: 'Job cancelled successfully',
});

export const toDownload = (trained: TrainedArtifact & { readonly link: string }): z.infer<typeof wire.downloadResponse> => ({
  ...toArtifact(trained),
  download_url: trained.link,
});

export const toArtifact = ({ run, artifact, file, location }: TrainedArtifact): z.infer<typeof wire.artifactResponse> => ({
  artifact_id: artifact.id,
  job_id: run.id,
  path: location,
  size_bytes: file.sizeBytes,
  hash_sha256: file.sha256,
  created_at: artifact.createdAt,
  metadata: {
    provider: run.provider,
    provider_job_id: providerJobId(run),
    model_name: nameOfBase(run.training.baseModel),
    peft_method: run.training.peftMethod,
  },
});

export const toTicket = ({ ticket, runId, expiresAt }: Ticket): z.infer<typeof wire.ticketResponse> => ({
  ticket,
  job_id: runId,
  url: `/ws/training/jobs/${runId}?ticket=${ticket}`,
  expires_at: expiresAt,
});
