/** What the plane pushes, in the order of who listens: a browser, a script, other systems. */
import * as z from 'zod';
import { type DetailType, EVENT_SOURCE, PUBLIC_EVENTS } from '#domain/public-events.ts';
import type { Channel } from '#http/asyncapi.ts';
import { metricsMessage, notificationMessage, statusMessage } from './orchestrator/messages.ts';
import { eventResponse } from './runs/schemas.ts';

const handshake = z.object({
  after: z.int().min(0).optional().meta({ description: 'the last seq that was heard: every event since comes once' }),
  ticket: z.string().optional().meta({ description: 'from POST /ws/tickets: one job, once, 60 s; for browsers, in place of the token' }),
});

/** An event of the bus: what a rule can go by stands beside its `detail`, which is the payload. */
const busEvent = (detailType: DetailType, summary: string) => ({
  summary,
  headers: z.object({ source: z.literal(EVENT_SOURCE), 'detail-type': z.literal(detailType) }),
  schema: PUBLIC_EVENTS[detailType],
});

export const CHANNELS: readonly Channel[] = [
  {
    name: 'jobMessages',
    address: '/ws/training/jobs/{job_id}',
    title: 'The WebSocket of a job',
    description:
      'The handshake is refused for an unknown job and without token or ticket. First the present status and the newest metrics, or, with `after`, every event since; then whatever happens. Each event of the run is one message, in order, with its sequence as `seq`; metrics repeat the present `seq`. A status is said again at least every 8 minutes.',
    protocol: 'ws',
    parameters: { job_id: 'id of the run, whichever API made it' },
    query: handshake,
    messages: {
      StatusMessage: { summary: 'The state changed, or is said again', schema: statusMessage },
      MetricsMessage: { summary: 'The newest report of the trainer', schema: metricsMessage },
      NotificationMessage: { summary: 'Anything else that happened, for people', schema: notificationMessage },
    },
  },
  {
    name: 'runEvents',
    address: '/runs/{run_id}/events',
    title: "A run's timeline as server-sent events",
    description:
      'With `accept: text/event-stream`. `id:` is the sequence, `event:` the type; `Last-Event-ID` is honoured. Each answer is finite: it waits at most 20 s for the next event and closes; an EventSource comes again by itself.',
    protocol: 'http',
    parameters: { run_id: 'id of the run' },
    messages: { RunEvent: { summary: 'One event of the run', schema: eventResponse } },
  },
  {
    name: 'busEvents',
    address: 'the event bus of the stage',
    title: 'Events of runs on Amazon EventBridge',
    description: `On AWS. Source \`${EVENT_SOURCE}\`, detail types ${Object.keys(PUBLIC_EVENTS)
      .map((detailType) => `\`${detailType}\``)
      .join(
        ', ',
      )}; resources: the run's id. The payload is the event's \`detail\`, whose JSON Schemas are also in \`docs/events/\`. Handed over at least once: order by \`metadata.sequence\`, de-duplicate by \`metadata.id\`.`,
    protocol: 'eventbridge',
    messages: {
      TrainingRunStateChange: busEvent('Training Run State Change', 'The state of a run changed'),
      TrainingRunFinished: busEvent('Training Run Finished', 'A run is over, and what came of it'),
      TrainingRunBlocked: busEvent('Training Run Blocked', 'A run waits, and why'),
      CheckpointCreated: busEvent('Checkpoint Created', 'A run can go on from here'),
    },
  },
];
