/**
 * The run folder: the whole contract between plane and trainer. They share nothing else.
 *
 *   <base>/<RUN_ID>/framework=<fw>/
 *     config/<run>.json, config/run.json        the resolved spec, for people
 *     checkpoints/step-000100/                  native files of the framework
 *     checkpoints/step-000100.json              the commit record: create-if-absent, written last; without it there is no checkpoint
 *     logs/<run>-0001-00000001.jsonl            chunk n holds exactly the lines 1,000(n-1)+1 .. 1,000n of that attempt
 *     metrics/<run>-0001-00000001.jsonl         likewise, metric rows
 *     metrics/<run>-overview.json               every series in at most 1,024 buckets
 *     artifacts/<run>/...                       adapter or model, samples, evaluation
 *     attempts/<run>-0001/spec.json             plane -> trainer: what to train
 *     attempts/<run>-0001/control.json          plane -> trainer: go on, pause, stop
 *     attempts/<run>-0001/claim.json            trainer -> plane: create-if-absent; one winner per attempt (the plane writes it for
 *                                               a machine that claims over the network)
 *     attempts/<run>-0001/mailbox-*.json        how a machine claims that cannot reach the plane (domain/mailbox.ts)
 *     attempts/<run>-0001/progress.json         trainer -> plane: put again and again
 *     attempts/<run>-0001/manifest.json         trainer -> plane: the outcome, written last of all
 *
 * `npm run generate` exports these schemas to trainer-image/trainer/schemas, and the trainer validates against them.
 * Files are strict JSON: a number that is not finite is null and its path is named in `nonFinite`.
 */
import * as z from 'zod';
import { hypernetworkSchema, RUN_PURPOSES, storedFileSchema, trainingSchema } from './training.ts';

export const CHUNK_ROWS = 1_000;

const time = z.iso.datetime({ precision: 3 }).meta({ description: 'ISO 8601, UTC, milliseconds' });
const count = z.int().min(0);
const metrics = z.record(z.string(), z.number().nullable());

export const attemptSpecSchema = z
  .object({
    schema: z.literal(1),
    runId: z.string(),
    attempt: z.int().min(1),
    name: z.string().nullable(),
    training: trainingSchema,
    purpose: z.enum(RUN_PURPOSES).default('train'),
    hypernetwork: hypernetworkSchema.nullable().default(null).meta({ description: 'generate: whose forward pass makes the adapter' }),
    resumeFrom: z
      .object({ checkpoint: z.string(), folder: z.string(), step: count })
      .nullable()
      .meta({ description: 'pinned by the plane; the trainer never searches' }),
    logsAfter: time.nullable().meta({ description: 'last log time of earlier attempts: time never goes back' }),
    stallSeconds: z.number().positive().meta({ description: 'work standing still for so long is a stall' }),
    gpusWanted: count
      .nullable()
      .default(null)
      .meta({ description: 'GPUs that were asked for on this machine; null: what is there is used' }),
    program: z
      .object({ argv: z.array(z.string()) })
      .nullable()
      .default(null)
      .meta({ description: "an image of the user's own: its train.py is called with these arguments; null: one of our engines trains" }),
  })
  .meta({ id: 'AttemptSpec' });
export type AttemptSpec = z.infer<typeof attemptSpecSchema>;

export const claimSchema = z
  .object({
    schema: z.literal(1),
    runId: z.string(),
    attempt: z.int().min(1),
    claimId: z.string().min(1),
    host: z.string(),
    pid: z.int(),
    machine: z.string().nullable().default(null).meta({ description: 'label of the machine, where the plane asked a provider for it' }),
    claimedAt: time,
  })
  .meta({ id: 'Claim' });
export type Claim = z.infer<typeof claimSchema>;

export const WANTS = ['run', 'pause', 'stop', 'superseded'] as const;
export type Want = (typeof WANTS)[number];

/** Derived from the record and rewritten when the echo (`progress.controlVersion`) is behind; a lower version is ignored. */
export const controlSchema = z
  .object({
    schema: z.literal(1),
    version: count,
    want: z.enum(WANTS),
    checkpointRequest: count.meta({ description: 'a number higher than the last one asks for a checkpoint now' }),
    reportSeconds: z.number().positive(),
  })
  .meta({ id: 'Control' });
export type Control = z.infer<typeof controlSchema>;

export const PHASES = [
  'starting',
  'importing',
  'building-base',
  'loading-model',
  'preparing-data',
  'sampling',
  'training',
  'evaluating',
  'saving',
  'publishing',
  'done',
] as const;
export type Phase = (typeof PHASES)[number];

export const sampleSchema = z.object({
  prompt: z.string(),
  base: z.string(),
  tuned: z.string().nullable(),
  expected: z.string().nullable(),
});

export const progressSchema = z
  .object({
    schema: z.literal(1),
    runId: z.string(),
    attempt: z.int().min(1),
    claimId: z.string(),
    sequence: count.meta({ description: 'rises with every report: the supervisor lives' }),
    workSequence: count.meta({ description: 'rises when the engine moved' }),
    controlVersion: count,
    phase: z.enum(PHASES),
    phaseDetail: z.string().nullable(),
    phaseFraction: z.number().min(0).max(1).nullable(),
    step: count,
    steps: count.nullable(),
    epoch: z.number().nullable(),
    metrics: metrics.meta({
      description: 'newest value by name: loss, eval_loss, learning_rate, grad_norm, token_accuracy, tokens_per_second ...',
    }),
    nonFinite: z.array(z.string()),
    etaSeconds: z.number().nullable(),
    counts: z.object({ logLines: count, metricRows: count, checkpoints: count, samples: count }),
    lastLogAt: time.nullable(),
    reportedAt: time,
  })
  .meta({ id: 'Progress' });
export type Progress = z.infer<typeof progressSchema>;

export const OUTCOMES = ['completed', 'stopped', 'paused', 'interrupted', 'superseded', 'failed'] as const;

export const artifactFileSchema = storedFileSchema.extend({
  kind: z.enum(['adapter', 'model', 'samples', 'evaluation', 'tensorboard', 'config']),
});

export const manifestSchema = z
  .object({
    schema: z.literal(1),
    runId: z.string(),
    attempt: z.int().min(1),
    claimId: z.string(),
    outcome: z.enum(OUTCOMES),
    failure: z
      .object({
        code: z.string(),
        message: z.string(),
        evidence: z.array(z.string()).meta({ description: 'the last log lines, of the rank that failed first' }),
      })
      .nullable(),
    step: count,
    steps: count.nullable(),
    metrics: metrics.meta({
      description: 'train_loss (mean over every step of the run), final_loss, eval_loss, best_eval_loss, tokens ...',
    }),
    nonFinite: z.array(z.string()),
    files: z.array(artifactFileSchema).meta({ description: 'paths relative to artifacts/<run>/' }),
    lastCheckpoint: z.string().nullable(),
    result: z
      .object({ step: count, of: z.enum(['last', 'best']), reason: z.string() })
      .nullable()
      .default(null)
      .meta({ description: 'the step that the stored weights are of, and why that one; null: nothing was stored' }),
    endDetail: z.string().nullable().default(null).meta({ description: 'what a person should know of the end beside its outcome' }),
    base: z.object({ id: z.string(), commit: z.string().nullable() }).nullable(),
    choices: z.array(z.object({ name: z.string(), value: z.string(), reason: z.string() })),
    versions: z.record(z.string(), z.string()),
    counts: z.object({ logLines: count, metricRows: count, checkpoints: count, samples: count }),
    lastLogAt: time.nullable(),
    startedAt: time,
    endedAt: time,
    computeSeconds: z.number().min(0),
  })
  .meta({ id: 'Manifest' });
export type Manifest = z.infer<typeof manifestSchema>;

export const checkpointRecordSchema = z
  .object({
    schema: z.literal(1),
    name: z.string().regex(/^step-\d{6,}$/),
    folder: z.string().meta({ description: 'relative to checkpoints/: step-000100, or step-000100.0002 when saved again by attempt 2' }),
    runId: z.string(),
    attempt: z.int().min(1),
    step: count,
    epoch: z.number().nullable(),
    reason: z.enum(['interval', 'requested', 'final']),
    createdAt: time,
    files: z.array(storedFileSchema).min(1),
    metrics,
    worldSize: z.int().min(1),
    globalBatch: z.int().min(1),
    precision: z.string(),
    versions: z.record(z.string(), z.string()),
    base: z.object({ id: z.string(), commit: z.string().nullable() }),
    dataFingerprint: z.string(),
    configHash: z.string(),
  })
  .meta({ id: 'CheckpointRecord' });
export type CheckpointRecord = z.infer<typeof checkpointRecordSchema>;

export const logRowSchema = z
  .object({
    line: z.int().min(1),
    timestamp: time,
    level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']),
    rank: count,
    message: z.string().meta({ description: 'cut at 8 KiB' }),
  })
  .meta({ id: 'LogRow' });
export type LogRow = z.infer<typeof logRowSchema>;

export const metricRowSchema = z
  .object({ step: count, epoch: z.number().nullable(), timestamp: time })
  .catchall(z.union([z.number(), z.null(), z.array(z.string())]))
  .meta({ id: 'MetricRow', description: '{step, epoch, timestamp, name: value ...}; nonFinite names the values that were not finite' });

export const samplesRowSchema = z
  .object({ step: count, timestamp: time, items: z.array(sampleSchema).max(20) })
  .meta({ id: 'SamplesRow', description: 'one line of artifacts/<run>/samples.jsonl; texts are cut at 400 characters' });
export type SamplesRow = z.infer<typeof samplesRowSchema>;

export const overviewSchema = z
  .object({
    schema: z.literal(1),
    series: z.record(
      z.string(),
      z
        .array(
          z.object({
            fromStep: count,
            toStep: count,
            count: z.int().min(1),
            min: z.number(),
            max: z.number(),
            mean: z.number(),
            last: z.number(),
          }),
        )
        .max(1_024),
    ),
  })
  .meta({ id: 'Overview' });
export type Overview = z.infer<typeof overviewSchema>;
export type MetricRow = z.infer<typeof metricRowSchema>;

/** Every schema that the trainer needs, by the name of its exported file. */
export const RUN_FOLDER_SCHEMAS = {
  'attempt-spec': attemptSpecSchema,
  claim: claimSchema,
  control: controlSchema,
  progress: progressSchema,
  manifest: manifestSchema,
  'checkpoint-record': checkpointRecordSchema,
  'log-row': logRowSchema,
  'metric-row': metricRowSchema,
  'samples-row': samplesRowSchema,
  overview: overviewSchema,
} as const;

const pad = (n: number, digits: number): string => String(n).padStart(digits, '0');

/** The name of one attempt's folder, tag and log prefix: `run_01h...-0001`. */
export const attemptName = (runId: string, attempt: number): string => `${runId}-${pad(attempt, 4)}`;

/** The run of an attempt's name. */
export const runIdOfAttempt = (name: string): string => name.slice(0, name.lastIndexOf('-'));

/** Keys below a run's folder (no leading slash); the only place that spells them. */
export const runFolderKeys = {
  spec: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/spec.json`,
  claim: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/claim.json`,
  control: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/control.json`,
  progress: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/progress.json`,
  manifest: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/manifest.json`,
  mailboxClaim: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/mailbox-claim.json`,
  mailboxAnswer: (runId: string, attempt: number) => `attempts/${attemptName(runId, attempt)}/mailbox-answer.json`,
  config: (runId: string) => `config/${runId}.json`,
  newestConfig: () => 'config/run.json',
  checkpoints: () => 'checkpoints/',
  checkpointRecord: (name: string) => `checkpoints/${name}.json`,
  checkpointFile: (folder: string, path: string) => `checkpoints/${folder}/${path}`,
  checkpointFolder: (folder: string) => `checkpoints/${folder}/`,
  artifact: (runId: string, path: string) => `artifacts/${runId}/${path}`,
  metricChunk: (runId: string, attempt: number, chunk: number) => `metrics/${attemptName(runId, attempt)}-${pad(chunk, 8)}.jsonl`,
  overview: (runId: string) => `metrics/${runId}-overview.json`,
  logChunk: (runId: string, attempt: number, chunk: number) => `logs/${attemptName(runId, attempt)}-${pad(chunk, 8)}.jsonl`,
} as const;
