/** The wire of the unified trainer: document 2. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { hyperparameterShape } from '#domain/hyperparameters.ts';
import { CLIENT_NAME } from '#domain/ids.ts';
import { BASE_NAME, DATASET_NAME, FOLDER_NAME, runRequestShape } from '#domain/run-request.ts';
import { FRAMEWORKS, PEFT_METHODS } from '#domain/training.ts';

const clientName = z.string().regex(CLIENT_NAME);
/** Kubernetes' own limits are 63 and 253 for labels, and 256 KiB in all for annotations. */
const labels = z
  .record(z.string().min(1).max(317), z.string().max(4_096))
  .refine((given) => Object.keys(given).length <= 100, 'must hold at most 100 entries')
  .meta({ maxProperties: 100 });

/** What `extra_args` may hold: every engine understands these. */
export const extraArgs = z.strictObject({
  ...hyperparameterShape,
  dataset_format: runRequestShape.dataset_format,
  peft_method: z.enum(PEFT_METHODS).optional(),
});

/** As the document has them: no lists, and `false` or `null` is as good as not given. */
function describeArguments(): Record<string, z.core.JSONSchema.JSONSchema> {
  const { properties = {} } = z.toJSONSchema(extraArgs);
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, toArgument(property)]));
}

function toArgument(property: z.core.JSONSchema._JSONSchema): z.core.JSONSchema.JSONSchema {
  if (typeof property === 'boolean') return {};
  const { description, ...schema } = property;
  const values = (schema.anyOf ?? [schema]).filter((value) => typeof value === 'boolean' || value.type !== 'array');
  return { ...(description !== undefined && { description }), anyOf: [...values, { const: false }, { type: 'null' }] };
}

export const trainRequest = z
  .strictObject({
    framework: z.enum(FRAMEWORKS),
    model_id: z
      .string()
      .min(1)
      .max(300)
      .meta({ pattern: BASE_NAME, description: "the base model: 'tiny-llama', a Hugging Face id or a path" }),
    run_id: clientName.meta({ description: 'becomes part of the name and of the folder' }),
    checkpoint_base_uri: z.string().min(1).max(1_024).meta({
      pattern: FOLDER_NAME,
      description: 'a path below the data root, file:// or s3://; all of the run is kept in <base>/<run_id>/framework=<framework>/',
    }),
    dataset_uri: z.string().min(1).max(1_024).meta({ pattern: DATASET_NAME }),
    image: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .meta({ description: 'from the list that the operator allows; default: the configured trainer', available: 'images' }),
    num_nodes: z.int().min(1).max(1_024).optional(),
    gpus_per_node: z.int().min(0).max(64).optional(),
    cpus_per_node: z.int().min(1).max(1_024).optional(),
    memory_per_node_gb: z.int().min(1).max(65_536).optional(),
    config_path: z
      .string()
      .min(1)
      .max(1_024)
      .optional()
      .meta({ description: 'a YAML or JSON file with arguments, below the data root or s3://; extra_args win over it' }),
    resume_from_checkpoint: z.boolean().optional(),
    extra_args: z
      .record(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/), z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]))
      .meta({ properties: describeArguments(), additionalProperties: false })
      .optional()
      .meta({ description: 'hyperparameters, by their names and aliases; true gives --flag, false and null nothing' }),
    labels: labels.optional(),
    annotations: labels.optional(),
    namespace: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
      .optional(),
    job_name: clientName.optional().meta({ description: 'default: <framework>-<run_id> as a DNS label; a name is taken for ever' }),
    compute: runRequestShape.compute,
    env: runRequestShape.env,
    secrets: runRequestShape.secrets,
    method: runRequestShape.method,
    provider: runRequestShape.provider,
    max_runtime: runRequestShape.max_runtime,
  })
  .meta({ id: 'TrainingJobRequest' });
export type TrainRequest = z.infer<typeof trainRequest>;

export const STATUSES = ['submitted', 'running', 'succeeded', 'failed'] as const;

export const jobParams = z.object({ job_name: clientName });

export const jobStatusResponse = z
  .object({
    name: z.string(),
    status: z.enum(STATUSES),
    detail: z.string(),
    framework: z.enum(FRAMEWORKS),
    run_id: z.string(),
    job_id: z.string().meta({ description: "the run's id, valid in every API" }),
    failure: failureSchema.nullable(),
  })
  .meta({ id: 'UnifiedTrainingJobStatus' });
