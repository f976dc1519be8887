/** The wire of training-svc: document 1, with sessions, trajectories and adapters as CONTRACTS has them. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { hyperparameterShape } from '#domain/hyperparameters.ts';
import { CLIENT_NAME } from '#domain/ids.ts';
import { conversationSchema, ROW_FORMATS, SOME_TEXT } from '#domain/rows.ts';
import { waitingSchema } from '#domain/run.ts';
import { BASE_NAME, runRequestShape } from '#domain/run-request.ts';

const clientName = z.string().regex(CLIENT_NAME);
const taskType = z.string().min(1).max(128).meta({ description: 'a label: kept, shown, never interpreted' });
const baseModel = z
  .string()
  .min(1)
  .max(300)
  .meta({ pattern: BASE_NAME })
  .optional()
  .meta({ description: "default: this plane's, tiny-llama on one machine" });

const { env, secrets, method, provider, compute, max_runtime, sample_prompts, chat_template, dataset_format } = runRequestShape;
const shared = {
  env,
  secrets,
  method,
  provider,
  compute,
  max_runtime,
  sample_prompts,
  chat_template,
  dataset_format,
  base_model: baseModel,
};

export const loraRequest = z
  .strictObject({
    ...hyperparameterShape,
    ...shared,
    export: runRequestShape.export,
    session_id: clientName.meta({ description: 'the stored session to train on', examples: ['s-1'] }),
    adapter_id: clientName.optional().meta({ description: 'label of the result; default: the id of the job' }),
    task_type: taskType.optional(),
    rank: z.int().min(1).max(256).optional().meta({ description: 'default 16' }),
    epochs: z.int().min(1).max(100).optional().meta({ description: 'default 3' }),
  })
  .meta({ id: 'LoraTrainingRequest' });
export type LoraRequest = z.infer<typeof loraRequest>;

export const hypernetworkRequest = z
  .strictObject({
    ...shared,
    task_type: taskType.optional(),
    adapter_id: clientName.optional(),
    trajectory_ids: z.array(clientName).min(1).max(100).meta({ description: 'stored trajectories; the first is used' }),
  })
  .meta({ id: 'HypernetworkTrainingRequest' });
export type HypernetworkRequest = z.infer<typeof hypernetworkRequest>;

export const STATUSES = ['queued', 'running', 'completed', 'failed', 'stopped'] as const;
const status = z.enum(STATUSES);

export const jobParams = z.object({ job_id: clientName });
export const sessionParams = z.object({ session_id: clientName });
export const trajectoryParams = z.object({ trajectory_id: clientName });
export const adapterParams = z.object({ adapter_id: clientName });

export const startResponse = z.object({ job_id: z.string(), status }).meta({ id: 'TrainingStarted' });
export const jobStatusResponse = z
  .object({
    job_id: z.string(),
    status,
    adapter_id: z.string().nullable(),
    error: z.string().nullable(),
    task_type: z.string().nullable(),
    waiting: waitingSchema.nullable(),
    failure: failureSchema.nullable(),
  })
  .meta({ id: 'TrainingJobStatus' });

/** JSON Lines as text, or where they lie. */
export const sessionBody = z.union([
  z.string().meta({ description: 'JSON Lines, a row a line, all of one format', pattern: SOME_TEXT }),
  z.strictObject({ uri: z.string().min(1).max(1_024).meta({ description: 'for what is larger than 4 MB' }) }),
]);
export const trajectoryBody = z
  .looseObject({ messages: conversationSchema.meta({ description: 'the conversation: {role, content} each' }) })
  .meta({ id: 'Trajectory' });

const time = z.string().meta({ description: 'ISO 8601, UTC' });
const storedShape = {
  rows: z.int().nullable().meta({ description: 'null where only a uri is stored' }),
  format: z.enum(ROW_FORMATS).nullable(),
  size_bytes: z.int().nullable(),
  sha256: z.string().nullable(),
  uri: z.string().nullable(),
  stored_at: time,
} as const;
export const sessionResponse = z.object({ session_id: z.string(), ...storedShape }).meta({ id: 'Session' });
export const sessionDetailResponse = z
  .object({ ...sessionResponse.shape, items: z.array(z.record(z.string(), z.unknown())).meta({ description: 'the first 100 rows' }) })
  .meta({ id: 'SessionDetail' });
export const sessionListResponse = z.object({ items: z.array(sessionResponse) }).meta({ id: 'SessionList' });
export const trajectoryResponse = z.object({ trajectory_id: z.string(), ...storedShape }).meta({ id: 'TrajectoryInfo' });
export const trajectoryDetailResponse = z
  .object({ ...trajectoryResponse.shape, messages: z.array(z.unknown()) })
  .meta({ id: 'TrajectoryDetail' });
export const trajectoryListResponse = z.object({ items: z.array(trajectoryResponse) }).meta({ id: 'TrajectoryList' });

export const adapterResponse = z
  .object({
    adapter_id: z.string(),
    job_id: z.string(),
    task_type: z.string().nullable(),
    base_model: z.string(),
    base_commit: z.string().nullable(),
    path: z.string().nullable(),
    sha256: z.string().nullable().meta({ description: 'of the weights' }),
    files: z.array(z.object({ path: z.string(), size_bytes: z.int(), sha256: z.string(), download_url: z.string() })),
    completed_at: time.nullable(),
  })
  .meta({ id: 'Adapter' });
