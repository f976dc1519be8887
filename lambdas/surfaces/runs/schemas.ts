/** The wire of our own reads: everything there is to know of a run, whichever API made it. Snake case like the five. */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { CLIENT_NAME, idPattern } from '#domain/ids.ts';
import { APIS, pastAttemptSchema, RUN_EVENT_TYPES, waitingSchema } from '#domain/run.ts';
import { PHASES, sampleSchema, WANTS } from '#domain/run-folder.ts';
import { RUN_STATES } from '#domain/run-lifecycle.ts';
import { PEFT_METHODS, TRAINING_METHODS } from '#domain/training.ts';
import { pageOf } from '#http/paging.ts';
import { timeQuery } from '#http/time-query.ts';
import { wholeNumber } from '#http/whole-number.ts';
import { LOG_LEVELS } from '#operations/read-logs.ts';

export const runParams = z.object({ run_id: z.string().regex(CLIENT_NAME) });

export const listQuery = pageOf(idPattern('run')).extend({
  state: z
    .preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(z.enum(RUN_STATES)).min(1))
    .optional()
    .meta({ description: 'one or several: state=running,paused' }),
  provider: z.string().min(1).max(64).optional(),
  project: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .meta({ description: 'id of a project; runs made outside the management API are in proj_default' }),
  api: z.enum(APIS).optional().meta({ description: 'the API that the run was made through' }),
});

const DEFAULT_EVENTS = 100;
export const eventsQuery = z.object({
  after: wholeNumber(z.int().min(0).default(0)).meta({ description: 'a sequence; events above it' }),
  limit: wholeNumber(z.int().min(1).max(1_000).default(DEFAULT_EVENTS)),
});

const time = z.string().meta({ description: 'ISO 8601, UTC' });
const metrics = z.record(z.string(), z.number().nullable());

const progressSchema = z
  .object({
    attempt: z.int(),
    phase: z.enum(PHASES),
    phase_detail: z.string().nullable(),
    phase_fraction: z.number().nullable(),
    step: z.int(),
    steps: z.int().nullable(),
    fraction: z.number().meta({ description: '0 to 1, never falling; 1 only when done' }),
    epoch: z.number().nullable(),
    metrics: metrics.meta({ description: 'the newest value of each' }),
    eta_seconds: z.number().nullable(),
    seen_at: time.meta({ description: 'when the plane took up this report, by its own clock' }),
  })
  .meta({ id: 'RunProgress' });

const summaryShape = {
  id: z.string(),
  name: z.string().nullable(),
  api: z.enum(APIS),
  project_id: z.string(),
  provider: z.string(),
  state: z.enum(RUN_STATES),
  base_model: z.string(),
  dataset: z.string(),
  method: z.enum(TRAINING_METHODS),
  peft_method: z.enum(PEFT_METHODS),
  created_at: time,
  submitted_at: time.nullable(),
  started_at: time.nullable().meta({ description: 'first seen training' }),
  completed_at: time.nullable().meta({ description: 'final, and the compute is gone' }),
  progress: progressSchema.nullable(),
  waiting: waitingSchema.nullable(),
  failure: failureSchema.nullable(),
  stop_detail: z.object({ code: z.string(), message: z.string() }).nullable(),
  compute_seconds: z.number().meta({ description: 'of all attempts that are over' }),
  gpu_seconds: z
    .object({
      spent: z.number().meta({ description: 'GPUs times the time for which they were held, or paid for' }),
      useful: z.number().meta({ description: 'of these, training whose steps were kept' }),
    })
    .meta({ description: 'of all attempts that are over' }),
  cost_usd: z.number().nullable().meta({ description: 'of all attempts that are over; null: nothing was rented' }),
  attempt_since: time.nullable().meta({ description: 'since when the attempt under way has its place; null where none is' }),
} as const;
export const runSummaryResponse = z.object(summaryShape).meta({ id: 'RunSummary' });

const { number, outcome } = pastAttemptSchema.shape;
const attemptSchema = z
  .object({
    number,
    outcome: outcome.nullable().meta({ description: 'null: it is under way' }),
    reserved_at: time,
    ended_at: time.nullable(),
    resumed_from_step: z.int().nullable().meta({ description: 'null: it began at step 0' }),
    log_lines: z.int(),
    code: z.string().nullable().meta({ description: 'why it ended otherwise than well' }),
    place: z
      .string()
      .nullable()
      .meta({ description: 'what it runs on, where that is rented', example: 'NVIDIA H100 80GB HBM3 in US-TX-3 for 2.69 USD an hour' }),
    spent_gpu_seconds: z.number().nullable(),
    useful_gpu_seconds: z.number().nullable(),
    cost_usd: z
      .number()
      .nullable()
      .meta({ description: "by the provider's own books once they are known; null: nothing was rented, or it is under way" }),
    usd_per_hour: z.number().nullable().meta({ description: 'of the machine that is rented for it now' }),
  })
  .meta({ id: 'RunAttempt' });

export const runDetailResponse = z
  .object({
    ...summaryShape,
    version: z.int().meta({ description: "the sequence of the run's newest event" }),
    updated_at: time,
    want: z.enum(WANTS).meta({ description: 'what the trainer is asked to do: a running run that wants `pause` is pausing' }),
    request: z.record(z.string(), z.unknown()).meta({ description: 'as it was asked for' }),
    parameters: z
      .record(z.string(), z.unknown())
      .meta({ description: 'every hyperparameter as the trainer is told; null: the trainer derives it' }),
    choices: z
      .array(z.object({ name: z.string(), value: z.string(), reason: z.string() }))
      .meta({ description: 'what was chosen automatically, and why' }),
    compute: z.object({
      nodes: z.int(),
      gpus_per_node: z.int().nullable(),
      gpu_type: z.string().nullable(),
      gpu_memory_gb: z.number().nullable(),
      region: z.string().nullable(),
      spot: z.boolean(),
      max_usd_per_hour: z.number().nullable(),
    }),
    max_runtime_seconds: z.int(),
    attempts: z.array(attemptSchema).meta({ description: 'in their order' }),
    checkpoints: z.array(
      z.object({ name: z.string(), step: z.int(), attempt: z.int(), eval_loss: z.number().nullable(), size_bytes: z.int() }),
    ),
    samples: z.object({ step: z.int(), items: z.array(sampleSchema) }).nullable(),
    result: z
      .object({
        metrics,
        base: z.object({ id: z.string(), commit: z.string().nullable() }).nullable(),
        location: z.string().nullable(),
        sha256: z.string().nullable().meta({ description: 'of the adapter or model weights' }),
      })
      .nullable(),
  })
  .meta({ id: 'RunDetail' });

export const runListResponse = z
  .object({
    items: z.array(runSummaryResponse),
    total: z.int().meta({ description: 'how many meet the filter, on all pages' }),
    next: z.string().nullable().meta({ description: 'what to pass as after; null on the last page' }),
  })
  .meta({ id: 'RunList' });

export const eventResponse = z
  .object({
    sequence: z.int(),
    timestamp: time,
    type: z.enum(RUN_EVENT_TYPES),
    state: z.enum(RUN_STATES),
    attempt: z.int().nullable(),
    code: z.string().nullable(),
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'RunEvent' });
export const eventListResponse = z
  .object({ items: z.array(eventResponse), next: z.int().nullable().meta({ description: 'what to pass as after; null on the last page' }) })
  .meta({ id: 'RunEventList' });

export const logsQuery = z.object({
  after: wholeNumber(z.int().min(0).default(0)).meta({ description: 'the number of a line; those behind it' }),
  limit: wholeNumber(z.int().min(1).max(1_000).default(100)),
  start: timeQuery.optional().meta({ description: 'lines at or after this time' }),
  end: timeQuery.optional().meta({ description: 'lines before this time' }),
  level: z.enum(LOG_LEVELS).optional().meta({ description: 'lines of at least this level' }),
  q: z.string().min(1).max(200).optional().meta({ description: 'lines that hold this text, in any case' }),
});
export const logsResponse = z
  .object({
    items: z.array(
      z.object({
        line: z.int().meta({ description: 'its number in the whole run, from 1' }),
        attempt: z.int(),
        timestamp: time,
        level: z.enum(LOG_LEVELS),
        rank: z.int(),
        message: z.string(),
      }),
    ),
    total: z.int().nullable().meta({ description: 'lines between start and end, on all pages; null where level or q is given' }),
    next: z.int().nullable().meta({
      description:
        'what to pass as after; null on the last page. A search looks at 20,000 lines a page, so a page may be empty with more behind it',
    }),
  })
  .meta({ id: 'RunLogs' });

const axisPoints = z.array(z.object({ step: z.int(), value: z.number() }));
export const metricsQuery = z.object({
  names: z.string().min(1).max(2_000).optional().meta({ description: 'comma-separated; default: every series' }),
  from_step: wholeNumber(z.int().min(0).default(0)),
  to_step: wholeNumber(z.int().min(0).default(Number.MAX_SAFE_INTEGER)).meta({ description: 'included' }),
  points: wholeNumber(z.int().min(1).max(1_024).default(500)).meta({ description: 'at most so many for each series' }),
});
export const metricsResponse = z
  .object({
    names: z.array(z.string()).meta({ description: 'every series of the run' }),
    series: z.array(
      z.object({
        name: z.string(),
        shown: z.string().meta({ description: 'how many points of how many values', examples: ['500 of 48,000'] }),
        total: z.int().meta({ description: 'values in the range' }),
        points: z.array(
          z
            .object({
              from_step: z.int(),
              to_step: z.int(),
              count: z.int(),
              min: z.number(),
              max: z.number(),
              mean: z.number(),
              last: z.number(),
            })
            .meta({ description: 'so many neighbouring values in one, with the least and the greatest, so that no spike is lost' }),
        ),
      }),
    ),
    axes: z
      .object({
        epoch: axisPoints,
        timestamp: axisPoints.meta({ description: 'seconds since 1970' }),
      })
      .meta({ description: 'what was reached at a step; straight lines between. Empty for runs of a trainer that kept none' }),
  })
  .meta({ id: 'RunMetrics' });

const uri = z.string().meta({ description: 'where it lies: an absolute path, or an s3:// URI' });
const tagResponse = z.object({ value: z.string(), notes: z.string().nullable(), applied_at: time });
const fileResponse = z.object({
  path: z.string(),
  size_bytes: z.int(),
  sha256: z.string(),
  href: z.string().meta({ description: 'fetches the bytes, through a link that is good for an hour' }),
});
const checkpointShape = {
  id: z.string(),
  name: z.string(),
  step: z.int(),
  attempt: z.int(),
  reason: z.string(),
  eval_loss: z.number().nullable(),
  size_bytes: z.int(),
  created_at: time.nullable(),
  uri,
  tags: z.array(tagResponse),
  pinned: z.boolean().meta({ description: 'another run went on from it, so it is kept' }),
} as const;
export const checkpointListResponse = z
  .object({ items: z.array(z.object(checkpointShape)) })
  .meta({ id: 'RunCheckpoints', description: 'those that are kept, the highest step first' });
export const checkpointParams = runParams.extend({ name: z.string().regex(/^step-\d{6,12}$/) });
export const checkpointDetailResponse = z.object({ ...checkpointShape, files: z.array(fileResponse) }).meta({ id: 'RunCheckpoint' });
export const artifactListResponse = z
  .object({
    items: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        type: z.string(),
        created_at: time,
        size_bytes: z.int(),
        uri,
        tags: z.array(tagResponse),
        files: z.array(fileResponse).meta({ description: 'of a result; those of a checkpoint are with the checkpoint' }),
      }),
    ),
  })
  .meta({ id: 'RunArtifacts' });
export const fileParams = runParams.extend({ path: z.string().min(1).max(1_024) });
export const fileQuery = z.object({
  link: z
    .enum(['true'])
    .optional()
    .meta({ description: 'tell the link instead of leading to it: a page cannot send its token where a browser downloads' }),
});
export const fileLinkResponse = z
  .object({
    url: z.string().meta({ description: 'fetches the bytes for an hour and asks for no token' }),
    size_bytes: z.int(),
    sha256: z.string(),
  })
  .meta({ id: 'FileLink' });

export const garbageRequest = z
  .strictObject({
    older_than_days: z.number().min(0).max(36_500).meta({ description: 'days since the run was over' }),
    dry_run: z.boolean().default(false).meta({ description: 'says what would go, and leaves it' }),
    limit: z.int().min(1).max(1_000).default(100).meta({ description: 'how many runs are looked at' }),
    after: z.string().regex(idPattern('run')).optional().meta({ description: 'the `next` of the answer before' }),
  })
  .meta({ id: 'GarbageRequest' });
export const garbageResponse = z
  .object({
    deleted: z.array(z.string()),
    kept: z.array(z.object({ id: z.string(), reason: z.string() })).meta({ description: 'old enough, and kept' }),
    next: z.string().nullable(),
  })
  .meta({ id: 'GarbageReport' });
