/**
 * Events of runs to an EventBridge bus. PutEvents takes ten entries at once and may refuse some of them: those are sent again, and when they
 * still are not taken, the whole hand-over counts as failed and comes again. So every event is told at least once.
 *
 * Source: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
import { type EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { EVENT_SOURCE, toPublicEvents } from '#domain/public-events.ts';
import type { RunEvent } from '#domain/run.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { EventSink } from '#ports/workflow.ts';

const SENT_AT_ONCE = 10;
const MAX_TRIES = 3;

export interface EventBusSinkOptions {
  readonly client: EventBridgeClient;
  readonly busName: string;
  readonly runs: Pick<RunStore, 'get'>;
  /** where links lead, without a slash at its end */
  readonly baseUrl: string;
}

export class EventBusSink implements EventSink {
  readonly #options: EventBusSinkOptions;

  constructor(options: EventBusSinkOptions) {
    this.#options = options;
  }

  async deliver(events: readonly RunEvent[]): Promise<void> {
    const entries: PutEventsRequestEntry[] = [];
    for (const [runId, ofRun] of Map.groupBy(events, ({ runId }) => runId)) {
      const view = await this.#options.runs.get(runId);
      for (const event of ofRun) {
        for (const { detailType, detail } of toPublicEvents(event, view?.run ?? null, this.#options.baseUrl)) {
          entries.push({
            EventBusName: this.#options.busName,
            Source: EVENT_SOURCE,
            DetailType: detailType,
            Time: new Date(detail.metadata.time),
            Resources: [runId],
            Detail: JSON.stringify(detail),
          });
        }
      }
    }
    for (let start = 0; start < entries.length; start += SENT_AT_ONCE) await this.#send(entries.slice(start, start + SENT_AT_ONCE));
  }

  async #send(entries: PutEventsRequestEntry[]): Promise<void> {
    let left = entries;
    let refusal = '';
    for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
      const { Entries = [] } = await this.#options.client.send(new PutEventsCommand({ Entries: left }));
      const refused = Entries.flatMap(({ ErrorCode, ErrorMessage }, index) =>
        ErrorCode ? [{ index, why: `${ErrorCode}: ${ErrorMessage}` }] : [],
      );
      if (refused.length === 0) return;
      refusal = refused[0]?.why ?? '';
      left = refused.flatMap(({ index }) => left[index] ?? []);
    }
    throw new Error(`the event bus refused ${left.length} events: ${refusal}`);
  }
}
