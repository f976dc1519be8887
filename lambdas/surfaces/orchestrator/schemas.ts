/** The wire of the training orchestrator: document 3. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { hyperparametersRequest } from '#domain/hyperparameters.ts';
import { CLIENT_NAME, idPattern } from '#domain/ids.ts';
import { PROVIDERS } from '#domain/providers.ts';
import { waitingSchema } from '#domain/run.ts';
import { BASE_NAME, DATASET_NAME, runRequestShape } from '#domain/run-request.ts';
import { FRAMEWORKS, PEFT_METHODS } from '#domain/training.ts';
import { pageOf } from '#http/paging.ts';

export const STATES = ['created', 'initializing', 'running', 'paused', 'completed', 'failed', 'stopped'] as const;
const state = z.enum(STATES);

export const createRequest = z
  .strictObject({
    base_model: z.string().min(1).max(300).meta({ pattern: BASE_NAME }),
    dataset: z.string().min(1).max(1_024).meta({ pattern: DATASET_NAME }),
    name: z.string().min(1).max(128).optional(),
    peft_method: z.enum(PEFT_METHODS).optional().meta({ description: 'default: lora' }),
    hyperparameters: hyperparametersRequest.optional(),
    framework: z.enum(FRAMEWORKS).optional(),
    metadata: z.record(z.string().min(1).max(128), z.unknown()).optional().meta({ description: 'yours: kept and shown' }),
    ...runRequestShape,
  })
  .meta({
    id: 'OrchestratorJobRequest',
    // 'merged' needs an adapter
    not: { required: ['export', 'peft_method'], properties: { export: { const: 'merged' }, peft_method: { const: 'full' } } },
  });

export const submitRequest = z
  .strictObject({
    provider: z
      .string()
      .min(1)
      .max(64)
      .meta({ description: PROVIDERS.join(', '), examples: ['local'], available: 'providers' }),
  })
  .meta({ id: 'OrchestratorSubmitRequest' });

export const jobParams = z.object({ job_id: z.string().regex(CLIENT_NAME) });
export const listQuery = pageOf(idPattern('run')).extend({ provider: z.enum(PROVIDERS).optional(), state: state.optional() });
export type ListQuery = z.infer<typeof listQuery>;

export const ticketRequest = z.strictObject({ job_id: z.string().regex(CLIENT_NAME) }).meta({ id: 'OrchestratorTicketRequest' });

const time = z.string().meta({ description: 'ISO 8601, UTC' });
export const ticketResponse = z
  .object({
    ticket: z.string(),
    job_id: z.string(),
    url: z.string().meta({ description: 'path and query of the WebSocket, with the ticket' }),
    expires_at: time,
  })
  .meta({ id: 'OrchestratorTicket' });

export const artifactResponse = z
  .object({
    artifact_id: z.string(),
    job_id: z.string(),
    path: z.string().meta({ description: 'absolute path or s3:// URI of the weights' }),
    size_bytes: z.int(),
    hash_sha256: z.string(),
    created_at: time,
    metadata: z.object({
      provider: z.string(),
      provider_job_id: z.string().nullable(),
      model_name: z.string(),
      peft_method: z.enum(PEFT_METHODS),
    }),
  })
  .meta({ id: 'OrchestratorArtifact' });

export const downloadResponse = z
  .object({ ...artifactResponse.shape, download_url: z.string().meta({ description: 'fetches that file, for an hour, without a token' }) })
  .meta({ id: 'OrchestratorDownload' });

const summaryShape = {
  job_id: z.string(),
  name: z.string().nullable(),
  state,
  provider: z.string(),
  created_at: time,
  started_at: time.nullable(),
  completed_at: time.nullable().meta({ description: 'set only when the compute is gone' }),
  waiting: waitingSchema.nullable(),
  failure: failureSchema.nullable(),
} as const;

export const jobSummary = z.object(summaryShape).meta({ id: 'OrchestratorJobSummary' });
export const jobListResponse = z
  .object({ jobs: z.array(jobSummary), total: z.int().meta({ description: 'of all pages, exact' }) })
  .meta({ id: 'OrchestratorJobList' });

export const submitResponse = z
  .object({ job_id: z.string(), provider: z.string(), provider_job_id: z.string().nullable(), state, started_at: time.nullable() })
  .meta({ id: 'OrchestratorSubmission' });

const statusShape = {
  job_id: z.string(),
  state,
  provider: z.string(),
  provider_job_id: z.string().nullable(),
  current_metrics: z
    .looseObject({ step: z.int(), epoch: z.number().nullable(), loss: z.number().nullable(), learning_rate: z.number().nullable() })
    .nullable()
    .meta({ description: 'null before the first report' }),
  started_at: time.nullable(),
  completed_at: time.nullable(),
  artifact_info: artifactResponse.nullable(),
  waiting: waitingSchema.nullable(),
  failure: failureSchema.nullable(),
  stop_detail: z.object({ code: z.string(), message: z.string() }).nullable(),
} as const;
export const statusResponse = z.object(statusShape).meta({ id: 'OrchestratorJobStatus' });

export const jobResponse = z
  .object({
    ...statusShape,
    name: z.string().nullable(),
    base_model: z.string(),
    dataset: z.string(),
    peft_method: z.enum(PEFT_METHODS),
    framework: z.enum(FRAMEWORKS),
    hyperparameters: z.unknown().meta({ description: 'as they were asked for' }),
    metadata: z.record(z.string(), z.unknown()),
    created_at: time,
  })
  .meta({ id: 'OrchestratorJob' });

export const cancelResponse = z
  .object({ job_id: z.string(), state, completed_at: time.nullable(), message: z.string() })
  .meta({ id: 'OrchestratorCancellation' });
