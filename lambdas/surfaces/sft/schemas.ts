/** The wire of the SFT API: document 5, with what CONTRACTS adds. Snake case, as its clients write it. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { hyperparameterShape } from '#domain/hyperparameters.ts';
import { CLIENT_NAME, idPattern } from '#domain/ids.ts';
import { waitingSchema } from '#domain/run.ts';
import { sampleSchema } from '#domain/run-folder.ts';
import { BASE_NAME, DATASET_NAME, FOLDER_NAME, runRequestShape } from '#domain/run-request.ts';
import { PEFT_METHODS, TRAINING_METHODS } from '#domain/training.ts';
import { pageOf } from '#http/paging.ts';

const configShape = {
  base_model: z
    .string()
    .min(1)
    .max(300)
    .meta({ pattern: BASE_NAME, description: "'tiny-llama', a Hugging Face model id, or a path", examples: ['tiny-llama'] }),
  dataset_name: z
    .string()
    .min(1)
    .max(1_024)
    .meta({
      pattern: DATASET_NAME,
      description: 'a path to .jsonl, .json or .parquet, a folder ending in /, or a Hugging Face dataset id',
      examples: ['examples/alpaca.jsonl'],
    }),
  output_dir: z
    .string()
    .min(1)
    .max(1_024)
    .meta({ pattern: FOLDER_NAME })
    .optional()
    .meta({ description: 'the finished adapter is also put below this folder of the data root' }),
  use_lora: z.boolean().optional().meta({ 'x-default': true, description: 'false: full fine-tuning' }),
  use_qlora: z.boolean().optional().meta({ 'x-default': false, description: 'LoRA on a base in 4 bits' }),
  ...runRequestShape,
  ...hyperparameterShape,
};

/** Full fine-tuning makes no adapter to merge, and QLoRA is LoRA. */
const adapterRules = [
  { not: { required: ['use_lora', 'use_qlora'], properties: { use_lora: { const: false }, use_qlora: { const: true } } } },
  { not: { required: ['use_lora', 'export'], properties: { use_lora: { const: false }, export: { const: 'merged' } } } },
];

/** A whole configuration, as it is saved. Variables are not: they are for one run's trainer only. */
const { env, ...savedShape } = configShape;
export const sftConfigSchema = z.strictObject(savedShape).meta({ id: 'SftConfig', allOf: adapterRules });

/** What a request holds: a configuration, or a saved one by `config_id` with fields laid over it. */
const givenConfigSchema = z
  .strictObject({
    ...configShape,
    base_model: configShape.base_model.optional(),
    dataset_name: configShape.dataset_name.optional(),
    config_id: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .meta({ description: 'a saved configuration to start from; fields given beside it win' }),
  })
  .meta({
    id: 'SftConfigRequest',
    description: 'base_model and dataset_name are required, here or in the saved configuration',
    anyOf: [{ required: ['config_id'] }, { required: ['base_model', 'dataset_name'] }],
    allOf: adapterRules,
  });
export type GivenSftConfig = z.infer<typeof givenConfigSchema>;

export const startRequest = z.strictObject({ config: givenConfigSchema }).meta({ id: 'JobStartRequest' });
export const saveRequest = z.strictObject({ name: z.string().min(1).max(128), config: sftConfigSchema }).meta({ id: 'ConfigSaveRequest' });

export const jobsQuery = pageOf(idPattern('run'));
export const configsQuery = pageOf(idPattern('config'));
export const jobParams = z.object({ job_id: z.string().regex(CLIENT_NAME) });
export const configParams = z.object({ config_id: z.string().regex(CLIENT_NAME) });

export const JOB_STATUSES = ['pending', 'running', 'completed', 'failed', 'stopped'] as const;
export const jobStatusSchema = z.enum(JOB_STATUSES);
const time = z.string().meta({ description: 'ISO 8601, UTC' });

/** What a request would become. */
export const planResponse = z
  .object({
    base_model: z.string(),
    dataset: z.string(),
    dataset_format: z.string().nullable().meta({ description: 'null: detected by the trainer' }),
    method: z.enum(TRAINING_METHODS),
    peft_method: z.enum(PEFT_METHODS),
    provider: z.string(),
    compute: z
      .object({
        node_count: z.int(),
        gpus_per_node: z.int().nullable(),
        gpu_type: z.string().nullable(),
        gpu_memory_gb: z.number().nullable(),
        region: z.string().nullable(),
        spot: z.boolean(),
        max_usd_per_hour: z.number().nullable(),
      })
      .meta({ description: 'what is asked for; null: it does not matter' }),
    max_runtime_seconds: z.int(),
    export: z.array(z.string()),
    output_dir: z.string().nullable().meta({ description: 'the adapter is put there too; null: it is kept with the run only' }),
    parameters: z
      .record(z.string(), z.unknown())
      .meta({ description: 'every hyperparameter as the trainer is told; null: the trainer derives it' }),
    choices: z
      .array(z.object({ name: z.string(), value: z.string(), reason: z.string() }))
      .meta({ description: 'what was chosen automatically, and why' }),
    env: z.array(z.string()).meta({ description: 'names of the variables given' }),
    secrets: z.record(z.string(), z.string()).meta({ description: 'variable to the name of its secret' }),
    data: z
      .object({
        files: z.array(z.object({ path: z.string(), size_bytes: z.int(), sha256: z.string(), split: z.enum(['train', 'eval']) })),
        rows: z.int().nullable().meta({ description: 'for training; null: counted by the trainer' }),
        format: z.string().nullable(),
      })
      .nullable()
      .meta({ description: 'null: it comes from the hub, or is not there' }),
    failure: failureSchema
      .nullable()
      .meta({ description: 'what a run of this would fail with before it trains, as far as can be seen now' }),
  })
  .meta({ id: 'JobPlan' });

export const jobStartResponse = z.object({ job_id: z.string(), status: jobStatusSchema }).meta({ id: 'JobStartResponse' });

const progressSchema = z
  .object({
    phase: z.string(),
    phase_detail: z.string().nullable().meta({ description: 'for people: what the phase is busy with' }),
    phase_fraction: z.number().nullable().meta({ description: 'of the phase, 0 to 1, where it is known' }),
    step: z.int(),
    steps: z.int().nullable(),
    fraction: z.number().meta({ description: '0 to 1, never falling; 1 only when done' }),
    epoch: z.number().nullable(),
    loss: z.number().nullable(),
    eval_loss: z.number().nullable(),
    learning_rate: z.number().nullable(),
    tokens_per_second: z.number().nullable(),
    eta_seconds: z.number().nullable(),
  })
  .meta({ id: 'JobProgress' });

const resultSchema = z
  .object({
    train_loss: z.number().nullable().meta({ description: 'mean over every step of the run, all attempts' }),
    eval_loss: z.number().nullable(),
    adapter_path: z.string().nullable().meta({ description: 'folder of the adapter; null where full fine-tuning made a model' }),
    model_path: z.string().nullable(),
    sha256: z.string().nullable().meta({ description: 'of the adapter or model weights' }),
    base_model: z.string().nullable(),
    base_commit: z.string().nullable(),
    metrics: z.record(z.string(), z.number().nullable()),
  })
  .meta({ id: 'JobResult' });

export const jobStatusResponse = z
  .object({
    job_id: z.string(),
    status: jobStatusSchema,
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable().meta({ description: 'set only when the compute is gone' }),
    error: z.string().nullable(),
    result: resultSchema.nullable(),
    progress: progressSchema.nullable(),
    waiting: waitingSchema.nullable(),
    failure: failureSchema.nullable(),
    stop_detail: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'JobStatusResponse' });

export const jobDetailResponse = z
  .object({
    ...jobStatusResponse.shape,
    config: z.record(z.string(), z.unknown()).meta({ description: 'as it was asked for' }),
    samples: z
      .object({ step: z.int(), items: z.array(sampleSchema) })
      .nullable()
      .meta({ description: 'the newest answers of base and tuned model to the sample prompts' }),
    choices: z
      .array(z.object({ name: z.string(), value: z.string(), reason: z.string() }))
      .meta({ description: 'what was chosen automatically, and why' }),
  })
  .meta({ id: 'JobDetailResponse' });

export const jobListResponse = z.object({ jobs: z.array(jobStatusResponse) }).meta({ id: 'JobListResponse' });
export const stopResponse = z.object({ message: z.string() }).meta({ id: 'JobStopResponse' });
export const configSaveResponse = z.object({ config_id: z.string(), name: z.string() }).meta({ id: 'ConfigSaveResponse' });
export const configResponse = z
  .object({ config_id: z.string(), name: z.string(), config: z.record(z.string(), z.unknown()) })
  .meta({ id: 'ConfigResponse' });
export const configListResponse = z.array(configResponse);
