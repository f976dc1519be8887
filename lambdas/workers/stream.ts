/**
 * The consumer of the table's stream. A record only says whose run changed: what is published is read from the run's outbox, from where it
 * was published last, in order. So it does not matter that records come doubled, or that those of one transaction come apart. The records
 * of one run come one after the other, and here is the only place that tells followers of a run what is new: they hear it in order.
 *
 * Source: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (order, partial failures).
 */
import type { DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda';
import { type Log, logToStderr } from '#http/exchange.ts';
import { deliverEvents } from '#operations/deliver-events.ts';
import type { Ports } from '#ports/ports.ts';

export interface StreamOptions {
  /** The run that a record is about, and whether it brought events; null where it is about something else. */
  readonly read: (record: DynamoDBRecord) => { readonly runId: string; readonly hasEvents: boolean } | null;
  /** tells everybody who follows a run what is new */
  readonly tellFollowers: (runId: string) => Promise<void>;
  readonly log?: Log;
}

export function createHandler(
  ports: Pick<Ports, 'runs' | 'sink'>,
  { read, tellFollowers, log = logToStderr }: StreamOptions,
): (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse> {
  async function publish(runId: string, hasEvents: boolean): Promise<boolean> {
    try {
      if (hasEvents) await deliverEvents(ports, runId);
      await tellFollowers(runId);
      return true;
    } catch (error) {
      log({ level: 'error', event: 'publish-failed', runId, message: error instanceof Error ? error.message : String(error) });
      return false;
    }
  }

  return async ({ Records }) => {
    const runs = new Map<string, { hasEvents: boolean; first: string }>();
    for (const record of Records) {
      const found = read(record);
      const sequence = record.dynamodb?.SequenceNumber ?? '';
      const known = found && runs.get(found.runId);
      if (known) known.hasEvents ||= found.hasEvents;
      else if (found) runs.set(found.runId, { hasEvents: found.hasEvents, first: sequence });
    }
    const results = await Promise.all(
      [...runs].map(async ([runId, { hasEvents, first }]) => ({ first, isDone: await publish(runId, hasEvents) })),
    );
    // A stream goes on from the first that failed: those after it come again, and find that they are published.
    const failed = new Set(results.filter(({ isDone }) => !isDone).map(({ first }) => first));
    const position = Records.find(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''))?.dynamodb?.SequenceNumber;
    return { batchItemFailures: position === undefined ? [] : [{ itemIdentifier: position }] };
  };
}
