/**
 * What the orchestrator's WebSocket says. Each event of the run is one message: a change of state is a `status`, all else a
 * `notification`; a run that is over says so in a notification too. Reports of the trainer become `metrics`.
 */
import * as z from 'zod';
import { failureSchema } from '#domain/failures.ts';
import { type Run, type RunEvent, type RunProgress, type RunView, waitingSchema } from '#domain/run.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { News } from '#operations/follow-run.ts';
import { STATES } from './schemas.ts';
import { toCurrentMetrics, toState } from './translate.ts';

const seq = z
  .int()
  .meta({ description: "sequence of the run's newest event that this message follows from; pass the last one as ?after=" });
const time = z.string().meta({ description: 'ISO 8601, UTC' });

export const statusMessage = z
  .object({
    type: z.literal('status'),
    seq,
    data: z.object({
      state: z.enum(STATES),
      started_at: time.nullable(),
      completed_at: time.nullable().meta({ description: 'set only when the compute is gone' }),
      waiting: waitingSchema.nullable(),
      failure: failureSchema.nullable(),
    }),
  })
  .meta({ id: 'StatusMessage' });
export const metricsMessage = z
  .object({
    type: z.literal('metrics'),
    seq,
    data: z.looseObject({ step: z.int(), epoch: z.number().nullable(), loss: z.number().nullable(), learning_rate: z.number().nullable() }),
  })
  .meta({ id: 'MetricsMessage', description: 'the newest report; those that came too close together are left out' });
export const notificationMessage = z
  .object({ type: z.literal('notification'), seq, data: z.object({ title: z.string(), message: z.string(), code: z.string().nullable() }) })
  .meta({ id: 'NotificationMessage' });
export const jobMessage = z.discriminatedUnion('type', [statusMessage, metricsMessage, notificationMessage]);
export type JobMessage = z.infer<typeof jobMessage>;

/** On connecting: what the job is now, and its last metrics. */
export const toGreeting = (view: RunView): JobMessage[] => [
  toPresentStatus(view),
  ...(view.progress ? toMetrics(view, view.progress) : []),
];

export function toPresentStatus({ run }: RunView): JobMessage {
  const { startedAt, completedAt, waiting, failure } = run;
  return {
    type: 'status',
    seq: run.version,
    data: { state: toState(run), started_at: startedAt, completed_at: completedAt, waiting, failure },
  };
}

export const toMessages = ({ view, events, progress }: News): JobMessage[] => [
  ...events.flatMap((event) => toEventMessages(view.run, event)),
  ...(progress ? toMetrics(view, progress) : []),
];

function toMetrics({ run }: RunView, progress: RunProgress): JobMessage[] {
  if (Object.keys(progress.metrics).length === 0) return [];
  return [{ type: 'metrics', seq: run.version, data: toCurrentMetrics(progress) }];
}

function toEventMessages(run: Run, event: RunEvent): JobMessage[] {
  if (event.type !== 'state-changed') return [toNotification(event, titleOf(event), event.message)];
  const isOver = isFinal(event.state);
  const startedAt = run.startedAt !== null && run.startedAt <= event.timestamp ? run.startedAt : null;
  const status: JobMessage = {
    type: 'status',
    seq: event.sequence,
    data: {
      state: toState({ state: event.state, startedAt }),
      started_at: startedAt,
      completed_at: isOver ? event.timestamp : null,
      waiting: event.sequence === run.version ? run.waiting : null,
      failure: event.state === 'failed' ? run.failure : null,
    },
  };
  return isOver ? [status, toEnd(run, event)] : [status];
}

function toEnd(run: Run, event: RunEvent): JobMessage {
  if (event.state === 'completed') return toNotification(event, 'Training Complete!', 'Your model training has finished successfully.');
  if (event.state === 'failed') {
    const remedy = run.failure ? ` (${run.failure.remedy})` : '';
    return toNotification(event, 'Training Failed', `${event.message}${remedy}`);
  }
  return toNotification(event, 'Training Stopped', event.message);
}

const toNotification = ({ sequence, code }: RunEvent, title: string, message: string): JobMessage => ({
  type: 'notification',
  seq: sequence,
  data: { title, message, code },
});

/** `checkpoint-saved` -> "Checkpoint saved" */
function titleOf({ type }: RunEvent): string {
  const words = type.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
