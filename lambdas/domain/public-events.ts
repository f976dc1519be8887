/**
 * What the plane tells the world of a run, on an event bus: four kinds of event, made of the run's own events. Handed over at least once,
 * mostly in order: a subscriber orders by `metadata.sequence` and takes what has a known `metadata.id` for told already.
 *
 *   Training Run State Change   every change of state, the first among them
 *   Training Run Finished       the last one again, with what came of the run
 *   Training Run Blocked        it waits for something, and why
 *   Checkpoint Created          it can go on from here
 *
 * Texts are cut, so that an event stays far below the 256 KB of a bus (docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html).
 * Nothing here was ever a secret: values of variables and tokens are in no event of a run.
 */
import * as z from 'zod';
import { failureSchema } from './failures.ts';
import { type Run, type RunEvent, waitingSchema } from './run.ts';
import { isFinal, RUN_STATES } from './run-lifecycle.ts';

export const EVENT_SOURCE = 'tuneplane';
const EVENT_VERSION = 1;
const MAX_TEXT = 1_000;

const time = z.iso.datetime({ precision: 3 }).meta({ description: 'ISO 8601, UTC' });
const metadataSchema = z.object({
  id: z.string().meta({ description: 'the same for every delivery of one event' }),
  sequence: z.int().min(1).meta({ description: "of the run's event: rises by one with each, whether it is published or not" }),
  version: z.literal(EVENT_VERSION).meta({ description: 'of this format; new fields may come without a new version' }),
  time,
  actor: z.enum(['user', 'plane', 'trainer']).meta({ description: 'whose doing it was' }),
});
const runShape = {
  runId: z.string(),
  state: z.enum(RUN_STATES),
  attempt: z.int().nullable(),
  provider: z.string().nullable().meta({ description: 'null: the run was deleted since' }),
  projectId: z.string().nullable(),
  name: z.string().nullable(),
  links: z.object({ run: z.string(), events: z.string(), logs: z.string() }),
};
const reasonSchema = z.object({ code: z.string().nullable(), message: z.string() });

const stateChangeSchema = z
  .object({
    metadata: metadataSchema,
    data: z.object({ ...runShape, previousState: z.enum(RUN_STATES).nullable(), reason: reasonSchema }),
  })
  .meta({ id: 'TrainingRunStateChange' });
const finishedSchema = z
  .object({
    metadata: metadataSchema,
    data: z.object({
      ...runShape,
      reason: reasonSchema,
      failure: failureSchema.omit({ evidence: true }).nullable(),
      result: z
        .object({ location: z.string().nullable(), sha256: z.string().nullable(), metrics: z.record(z.string(), z.number().nullable()) })
        .nullable(),
      computeSeconds: z.number().nullable(),
    }),
  })
  .meta({ id: 'TrainingRunFinished' });
const blockedSchema = z
  .object({ metadata: metadataSchema, data: z.object({ ...runShape, reason: reasonSchema, waiting: waitingSchema.nullable() }) })
  .meta({ id: 'TrainingRunBlocked' });
const checkpointSchema = z
  .object({
    metadata: metadataSchema,
    data: z.object({
      ...runShape,
      checkpoint: z.object({
        name: z.string(),
        step: z.int(),
        evalLoss: z.number().nullable(),
        sizeBytes: z.int(),
        reason: z.string(),
      }),
    }),
  })
  .meta({ id: 'CheckpointCreated' });

/** By detail type, which rules go by. */
export const PUBLIC_EVENTS = {
  'Training Run State Change': stateChangeSchema,
  'Training Run Finished': finishedSchema,
  'Training Run Blocked': blockedSchema,
  'Checkpoint Created': checkpointSchema,
} as const;
export type DetailType = keyof typeof PUBLIC_EVENTS;

export interface PublicEvent {
  readonly detailType: DetailType;
  readonly detail: {
    readonly metadata: z.infer<typeof metadataSchema>;
    readonly data: Readonly<Record<string, unknown>> & { readonly runId: string };
  };
}

/** What a state event says of who caused it; all else is the plane's doing. */
const ACTORS: Readonly<Record<string, 'user' | 'trainer'>> = {
  submitted: 'user',
  stopRequested: 'user',
  stoppedBeforeLaunch: 'user',
  started: 'trainer',
  finished: 'trainer',
  paused: 'trainer',
};

/**
 * @param event of a run
 * @param run as it is now; null where it was deleted since
 * @param baseUrl of the plane, without a slash at its end
 * @returns what of it concerns the world: none, one or two events
 */
export function toPublicEvents(event: RunEvent, run: Run | null, baseUrl: string): PublicEvent[] {
  const reason = { code: event.code, message: shorten(event.message) };
  const common = commonData(event, run, baseUrl);
  const make = (detailType: DetailType, data: Readonly<Record<string, unknown>>): PublicEvent => ({
    detailType,
    detail: { metadata: toMetadata(event, detailType), data: { ...common, ...data } },
  });
  switch (event.type) {
    case 'state-changed': {
      const change = make('Training Run State Change', { previousState: event.data['before'] ?? null, reason });
      return isFinal(event.state) ? [change, make('Training Run Finished', { reason, ...toOutcome(event, run) })] : [change];
    }
    case 'run-created':
      // A run that is submitted as it is created changes its state with the next event: one that waits for it is told of here.
      return [make('Training Run State Change', { previousState: null, reason })];
    case 'waiting-changed':
      if (event.code === null) return []; // it has what it waited for
      return [make('Training Run Blocked', { reason, waiting: run?.waiting?.code === event.code ? run.waiting : null })];
    case 'checkpoint-saved':
      return [make('Checkpoint Created', { checkpoint: toCheckpoint(event) })];
    default:
      return [];
  }
}

function toMetadata({ runId, sequence, timestamp, data, code }: RunEvent, detailType: DetailType): z.infer<typeof metadataSchema> {
  const cause = typeof data['event'] === 'string' ? ACTORS[data['event']] : undefined;
  const actor = code === 'time_limit' ? 'plane' : (cause ?? (detailType === 'Checkpoint Created' ? 'trainer' : 'plane'));
  const kind = detailType.toLowerCase().replaceAll(' ', '-');
  return { id: `${runId}/${sequence}/${kind}`, sequence, version: EVENT_VERSION, time: timestamp, actor };
}

function commonData({ runId, state, attempt }: RunEvent, run: Run | null, baseUrl: string) {
  const link = `${baseUrl}/runs/${runId}`;
  return {
    runId,
    state,
    attempt,
    provider: run?.provider ?? null,
    projectId: run?.projectId ?? null,
    name: run?.name ?? null,
    links: { run: link, events: `${link}/events`, logs: `${link}/logs` },
  };
}

/** Taken from the record, which does not change any more. */
function toOutcome(event: RunEvent, run: Run | null) {
  if (run === null || run.state !== event.state) return { failure: null, result: null, computeSeconds: null };
  const { failure, result, computeSeconds } = run;
  return {
    failure: failure && { code: failure.code, message: shorten(failure.message), remedy: failure.remedy },
    result: result && { location: result.location, sha256: result.sha256, metrics: result.metrics },
    computeSeconds,
  };
}

const listedCheckpointSchema = z.object({
  checkpoint: z.string(),
  step: z.int(),
  evalLoss: z.number().nullable(),
  sizeBytes: z.int(),
  reason: z.string(),
});

function toCheckpoint({ data }: RunEvent): { name: string; step: number; evalLoss: number | null; sizeBytes: number; reason: string } {
  const { checkpoint, ...rest } = listedCheckpointSchema.parse(data);
  return { name: checkpoint, ...rest };
}

const shorten = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
