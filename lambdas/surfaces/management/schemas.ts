/** The wire of the management API: document 4. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { hyperparameterShape, hyperparametersRequest } from '#domain/hyperparameters.ts';
import { CLIENT_NAME, idPattern } from '#domain/ids.ts';
import { tagSchema, waitingSchema } from '#domain/run.ts';
import { BASE_NAME, baseNameProblem, DATASET_NAME, runRequestShape } from '#domain/run-request.ts';
import { PEFT_METHODS } from '#domain/training.ts';
import { pageOf } from '#http/paging.ts';
import { timeQuery } from '#http/time-query.ts';
import { wholeNumber } from '#http/whole-number.ts';

const id = z.string().regex(CLIENT_NAME);
const text = (max: number) => z.string().min(1).max(max);
const optionalText = (max: number) => z.string().max(max).nullable().optional();

const baseName = text(300)
  .superRefine((name, context) => {
    const problem = baseNameProblem(name);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .meta({ pattern: BASE_NAME });

const projectShape = {
  name: text(128),
  description: optionalText(2_000),
  objective: optionalText(2_000),
  task_type: optionalText(128),
  base_model: baseName.nullable().optional(),
  owner: optionalText(128),
  tags: z.array(text(64)).max(100).optional(),
  default_hyperparameters: hyperparametersRequest.optional(),
};
export const projectRequest = z.strictObject(projectShape).meta({ id: 'ProjectRequest' });
export type ProjectRequest = z.infer<typeof projectRequest>;
export const projectEdit = z
  .strictObject({ ...projectShape, name: projectShape.name.optional() })
  .meta({ id: 'ProjectEdit', minProperties: 1, description: 'the fields given are changed, and the change is kept in the history' });
export type ProjectEdit = z.infer<typeof projectEdit>;

const runShape = {
  name: text(128).optional(),
  description: z.string().max(2_000).optional(),
  model_parameters: z
    .strictObject({
      ...hyperparameterShape,
      base_model: baseName.optional(),
      peft_method: z.enum(PEFT_METHODS).optional(),
    })

    .optional()
    .meta({ description: "hyperparameters; base_model and peft_method too, default: the project's base, and lora" }),
  hyperparameters: hyperparametersRequest.optional(),
  ...runRequestShape,
};
const dataset = text(1_024).meta({ pattern: DATASET_NAME });
export const runRequest = z.strictObject({ ...runShape, dataset }).meta({ id: 'ProjectRunRequest' });
export type RunRequestBody = z.infer<typeof runRequest>;
export const resumeRequest = z
  .strictObject({ ...runShape, dataset: dataset.optional() })
  .meta({ id: 'ProjectRunResume', description: "laid over the source run's configuration" });
export type ResumeRequestBody = z.infer<typeof resumeRequest>;
export const tagRequest = z
  .strictObject({ tag: tagSchema.shape.value, notes: z.string().max(2_000).nullable().optional() })
  .meta({ id: 'TagRequest' });

export const projectParams = z.object({ project_id: id });
export const runParams = z.object({ project_id: id, run_id: id });
export const artifactParams = z.object({ project_id: id, run_id: id, artifact_id: id });
export const resumeQuery = z.object({ source_artifact_id: id.meta({ description: 'id of the checkpoint to resume from' }) });
export const projectsQuery = pageOf(idPattern('project', 'default'));
export const logsQuery = z.object({
  page: wholeNumber(z.int().min(1).max(1_000_000_000).default(1)),
  page_size: wholeNumber(z.int().min(1).max(500).default(50)),
  start_time: timeQuery.optional().meta({ description: 'lines at or after this time' }),
  end_time: timeQuery.optional().meta({ description: 'lines before this time' }),
});

const time = z.string().meta({ description: 'ISO 8601, UTC' });
export const STATUSES = ['queued', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
const status = z.enum(STATUSES);
const projectStatus = z.enum(['draft', 'active']);

export const projectSummary = z
  .object({ id: z.string(), name: z.string(), status: projectStatus, owner: z.string().nullable(), created_at: time })
  .meta({ id: 'ProjectSummary' });
export const projectListResponse = z.array(projectSummary);

const runInProject = z
  .object({
    id: z.string(),
    project_id: z.string(),
    name: z.string(),
    status,
    started_at: time.nullable(),
    progress: z.number().meta({ description: '0 to 1, never falling; 1 only when done' }),
  })
  .meta({ id: 'RunInProject' });

export const projectResponse = z
  .object({
    ...projectSummary.shape,
    description: z.string().nullable(),
    objective: z.string().nullable(),
    task_type: z.string().nullable(),
    base_model: z.string().nullable(),
    updated_at: time,
    tags: z.array(z.string()),
    default_hyperparameters: z.record(z.string(), z.unknown()),
    runs: z.array(runInProject).meta({ description: 'the newest 100' }),
    run_counts: z.object(Object.fromEntries(STATUSES.map((name) => [name, z.int()])) as Record<(typeof STATUSES)[number], z.ZodInt>),
    history: z
      .array(z.object({ edited_at: time, changes: z.array(z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })) }))
      .meta({ description: 'edits, newest first, at most 100' }),
  })
  .meta({ id: 'Project' });

const tagResponse = z.object({ value: tagSchema.shape.value, notes: z.string().nullable(), applied_at: time });
export const artifactResponse = z
  .object({
    id: z.string(),
    name: z.string(),
    type: z.enum(['checkpoint', 'adapter', 'model', 'samples', 'evaluation', 'tensorboard', 'config']),
    path: z.string(),
    created_at: time,
    size_bytes: z.int(),
    tags: z.array(tagResponse),
  })
  .meta({ id: 'ProjectArtifact' });
const artifacts = z.array(artifactResponse).meta({ description: 'newest first' });
export const artifactListResponse = z.object({ items: artifacts }).meta({ id: 'ProjectArtifactList' });

export const runResponse = z
  .object({
    ...runInProject.shape,
    description: z.string().nullable(),
    metrics: z
      .object({
        loss: z.number().nullable(),
        accuracy: z.number().nullable().meta({ description: 'next-token accuracy of the last eval, else of the training batch' }),
        throughput_tokens_per_s: z.number().nullable(),
        gpu_utilization: z.number().nullable().meta({ description: '0 to 1' }),
      })
      .nullable()
      .meta({ description: 'null before the first report' }),
    resumed_from: z.string().nullable().meta({ description: 'id of the checkpoint' }),
    created_at: time,
    updated_at: time,
    completed_at: time.nullable().meta({ description: 'set only when the compute is gone' }),
    artifacts,
    waiting: waitingSchema.nullable(),
    failure: failureSchema.nullable(),
    stop_detail: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'ProjectRun' });

export const cancelResponse = z
  .object({ id: z.string(), status, completed_at: time.nullable(), artifacts })
  .meta({ id: 'ProjectRunCancellation' });

export const logsResponse = z
  .object({
    page: z.int(),
    page_size: z.int(),
    total: z.int().meta({ description: 'exact, under the same filter' }),
    items: z.array(z.object({ timestamp: time, level: z.string(), message: z.string() })),
  })
  .meta({ id: 'ProjectRunLogs' });
