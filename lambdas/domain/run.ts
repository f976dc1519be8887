/** The run: the one record that the five APIs are views of, and the events that make its history. */
import * as z from 'zod';
import { failureSchema, failuresSeenSchema } from './failures.ts';
import { artifactFileSchema, OUTCOMES, progressSchema, samplesRowSchema, WANTS } from './run-folder.ts';
import { RUN_STATES } from './run-lifecycle.ts';
import { hypernetworkSchema, RUN_PURPOSES, trainingSchema } from './training.ts';

export const APIS = ['training-svc', 'unified-trainer', 'orchestrator', 'management', 'sft', 'runs'] as const;
const time = z.string();

export const waitingSchema = z.object({
  code: z.enum(['slot', 'gpu', 'resuming', 'capacity', 'quota', 'image_building', 'worker', 'provider']),
  sentence: z.string(),
  remedy: z.string(),
  since: time,
});
export type Waiting = z.infer<typeof waitingSchema>;

/** What compute needs to find an attempt again. Ours to read, the compute adapter's to write. */
export const computeHandleSchema = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.number())]));
export type ComputeHandle = z.infer<typeof computeHandleSchema>;

export const computeNeedSchema = z.object({
  nodes: z.int().min(1),
  gpusPerNode: z.int().min(0).nullable().meta({ description: 'null: one where there are any' }),
  gpuType: z.string().nullable(),
  gpuMemoryGb: z.number().positive().nullable().default(null).meta({ description: 'of all GPUs of a machine together; null: estimated' }),
  region: z.string().nullable().default(null),
  spot: z.boolean().default(false).meta({ description: 'machines that may be taken away at any time, and cost less' }),
  maxUsdPerHour: z.number().positive().nullable().default(null).meta({ description: 'of one machine' }),
});
export type ComputeNeed = z.infer<typeof computeNeedSchema>;

export const attemptSchema = z.object({
  number: z.int().min(1),
  reservedAt: time,
  handle: computeHandleSchema.nullable(),
  claimId: z.string().nullable(),
  resumeFrom: z.object({ checkpoint: z.string(), folder: z.string(), step: z.int() }).nullable(),
  checkpointsSeen: z.int().meta({ description: 'how many of its checkpoints the plane has taken up' }),
  samplesSeen: z.int(),
  silentSince: time.nullable(),
  startingSince: time.nullable().default(null).meta({ description: 'since when it has a machine, or should have one' }),
  trainingSince: time.nullable().default(null).meta({ description: 'when it was first seen training' }),
  ending: z
    .object({ code: z.string(), message: z.string() })
    .nullable()
    .default(null)
    .meta({ description: 'why it was given up, while its machine takes its time to go' }),
  endedAt: time.nullable(),
});
export type Attempt = z.infer<typeof attemptSchema>;

/** What is left to say of an attempt that is over. */
export const pastAttemptSchema = z.object({
  number: z.int().min(1),
  outcome: z.enum([...OUTCOMES, 'lost', 'abandoned']).meta({ description: 'abandoned: given up before it began' }),
  reservedAt: time,
  endedAt: time,
  resumedFromStep: z.int().nullable(),
  logLines: z.int(),
  metricRows: z.int(),
  code: z.string().nullable().default(null).meta({ description: 'why it ended otherwise than well: a code of the table of failures' }),
  place: z.string().nullable().default(null).meta({ description: "what it ran on, where that was not the plane's own machine" }),
  spentGpuSeconds: z.number().default(0).meta({ description: 'GPUs times the time for which they were held, or paid for' }),
  usefulGpuSeconds: z.number().default(0).meta({ description: 'of these, training whose steps were kept' }),
  usd: z.number().nullable().default(null).meta({ description: 'null: nothing was rented' }),
});
export type PastAttempt = z.infer<typeof pastAttemptSchema>;

/** What an attempt left, beside its times. */
export type AttemptLeft = Omit<PastAttempt, 'number' | 'outcome' | 'reservedAt' | 'endedAt' | 'resumedFromStep'>;

/** Of an attempt that nobody began. */
export const NOTHING_LEFT: AttemptLeft = {
  logLines: 0,
  metricRows: 0,
  code: null,
  place: null,
  spentGpuSeconds: 0,
  usefulGpuSeconds: 0,
  usd: null,
};

export const toPastAttempt = (
  { number, reservedAt, resumeFrom }: Attempt,
  endedAt: string,
  outcome: PastAttempt['outcome'],
  left: AttemptLeft,
): PastAttempt => ({ number, outcome, reservedAt, endedAt, resumedFromStep: resumeFrom?.step ?? null, ...left });

export const tagSchema = z.object({ value: z.enum(['candidate', 'release', 'archived']), notes: z.string().nullable(), appliedAt: time });
export type Tag = z.infer<typeof tagSchema>;

/** The checkpoint of another run that this one goes on from. */
export const resumedFromSchema = z.object({
  runId: z.string(),
  artifactId: z.string(),
  checkpoint: z.string(),
  folder: z.string().meta({ description: 'relative to checkpoints/ where both share a folder, else absolute' }),
  step: z.int(),
});

/** Fields with a default came after the first release: homes out there hold runs without them. */
export const runSchema = z.object({
  id: z.string(),
  version: z.int().meta({ description: 'rises by one with every event; equals the sequence of the newest' }),
  state: z.enum(RUN_STATES),
  api: z.enum(APIS),
  name: z.string().nullable(),
  projectId: z.string(),
  provider: z.string(),
  purpose: z.enum(RUN_PURPOSES).default('train').meta({ description: 'generate: one forward pass of a hypernetwork makes the adapter' }),
  hypernetwork: hypernetworkSchema.nullable().default(null).meta({ description: 'generate: pinned when the run is prepared' }),
  adapterId: z.string().nullable().default(null).meta({ description: 'label of the result; null: the id of the run' }),
  resumedFrom: resumedFromSchema.nullable().default(null),
  metadata: z.record(z.string(), z.unknown()).default({}).meta({ description: 'what the API that made the run keeps and shows' }),
  folder: z.string().meta({ description: 'key of the run folder in the artifacts store: <base>/<RUN_ID>/framework=<fw>' }),
  outputDir: z.string().nullable().meta({ description: 'where the adapter is also put locally, relative to the data root' }),
  request: z.record(z.string(), z.unknown()).meta({ description: 'the configuration as it was asked for' }),
  secrets: z.record(z.string(), z.string()).default({}).meta({ description: 'variable -> name of the secret that holds its value' }),
  training: trainingSchema,
  compute: computeNeedSchema,
  maxRuntimeSeconds: z.int().min(1),
  choices: z.array(z.object({ name: z.string(), value: z.string(), reason: z.string() })),
  createdAt: time,
  updatedAt: time,
  submittedAt: time.nullable(),
  startedAt: time.nullable().meta({ description: 'first seen training' }),
  completedAt: time.nullable().meta({ description: 'final, and the compute is gone' }),
  prepared: z.boolean().meta({ description: 'inputs are pinned' }),
  want: z.enum(WANTS),
  controlVersion: z.int(),
  stopRequestedAt: time.nullable(),
  stopDetail: z.object({ code: z.enum(['stop_requested', 'time_limit']), message: z.string() }).nullable(),
  waiting: waitingSchema.nullable(),
  attempt: attemptSchema.nullable().meta({ description: 'the newest attempt' }),
  pastAttempts: z.array(pastAttemptSchema).default([]),
  failuresSeen: failuresSeenSchema,
  fruitlessAttempts: z.int(),
  computeSeconds: z.number(),
  lastLogAt: time.nullable(),
  lastCheckpoint: z.object({ checkpoint: z.string(), folder: z.string(), step: z.int() }).nullable(),
  checkpoints: z.array(
    z.object({
      checkpoint: z.string(),
      folder: z.string(),
      step: z.int(),
      attempt: z.int(),
      evalLoss: z.number().nullable(),
      sizeBytes: z.int(),
      reason: z.enum(['interval', 'requested', 'final']).default('interval'),
      createdAt: time.nullable().default(null),
    }),
  ),
  checkpointRequest: z.int().min(0).default(0).meta({ description: 'how often this attempt was asked for a checkpoint' }),
  pinnedCheckpoints: z.array(z.string()).default([]).meta({ description: 'kept because another run went on from them' }),
  isResultPinned: z.boolean().default(false).meta({ description: 'kept because another run began with it' }),
  tags: z.record(z.string(), z.array(tagSchema)).default({}).meta({ description: 'by artifact id, in the order applied' }),
  samples: samplesRowSchema.nullable().meta({ description: 'the newest answers of base and tuned model to the sample prompts' }),
  failure: failureSchema.nullable(),
  result: z
    .object({
      metrics: z.record(z.string(), z.number().nullable()),
      base: z.object({ id: z.string(), commit: z.string().nullable() }).nullable(),
      files: z.array(artifactFileSchema),
      location: z
        .string()
        .nullable()
        .meta({ description: 'folder of the adapter or model: a path relative to the data root, or an s3:// URI' }),
      sha256: z.string().nullable().meta({ description: 'of the adapter (or first model) weights' }),
    })
    .nullable(),
});
export type Run = z.infer<typeof runSchema>;

/** The newest report of the trainer, and when the plane saw it move, by the plane's own clock. */
export const runProgressSchema = progressSchema
  .pick({
    attempt: true,
    sequence: true,
    workSequence: true,
    controlVersion: true,
    phase: true,
    phaseDetail: true,
    phaseFraction: true,
    step: true,
    steps: true,
    epoch: true,
    metrics: true,
    etaSeconds: true,
    counts: true,
    lastLogAt: true,
  })
  .extend({ seenAt: time, highestStep: z.int().meta({ description: 'over all attempts: progress never falls' }) });
export type RunProgress = z.infer<typeof runProgressSchema>;

export interface RunView {
  readonly run: Run;
  readonly progress: RunProgress | null;
}

export const RUN_EVENT_TYPES = [
  'run-created',
  'state-changed',
  'inputs-prepared',
  'waiting-changed',
  'attempt-reserved',
  'attempt-launched',
  'attempt-started',
  'attempt-ended',
  'attempt-billed',
  'checkpoint-saved',
  'checkpoint-removed',
  'samples-saved',
  'artifact-tagged',
  'checkpoint-pinned',
  'result-pinned',
  'stop-requested',
  'pause-requested',
  'checkpoint-requested',
  'resume-requested',
  'warning-raised',
] as const;
export type RunEventType = (typeof RUN_EVENT_TYPES)[number];

export const runEventSchema = z.object({
  runId: z.string(),
  sequence: z.int().min(1),
  timestamp: time,
  type: z.enum(RUN_EVENT_TYPES),
  state: z.enum(RUN_STATES),
  attempt: z.int().nullable(),
  code: z.string().nullable(),
  message: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type RunEvent = z.infer<typeof runEventSchema>;
