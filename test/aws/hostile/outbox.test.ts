/** Events on their way out while everything around them behaves badly: table, index, stream, bus, and a second consumer beside the first. */
import { CreateEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { DynamoDBStreamEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { EventBusSink } from '#aws/event-bus-sink.ts';
import { readStreamRecord } from '#aws/stream-records.ts';
import { eventSort, runKey, runPartition } from '#aws/table/table-keys.ts';
import type { Run, RunEvent } from '#domain/run.ts';
import { deliverEvents } from '#operations/deliver-events.ts';
import { createHandler } from '#workers/stream.ts';
import { clientOptions, uniqueName } from '../../support/aws-clients.ts';
import { anEvent, aRun } from '../../support/builders.ts';
import { wrapRequests } from '../../support/call-counter.ts';
import { eventually } from '../../support/contract-suite.ts';
import { streamBatches } from '../../support/hostile-aws/deliveries.ts';
import { comingAgain, HostileAws, randomFrom } from '../../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../../support/table-world.ts';

const RUNS = 6;
const CHANGES = 5;

async function openPlane(seed: number) {
  const hostile = new HostileAws(seed);
  const world = await openTable(hostile.harden(makeDynamoClient()));
  const runs = comingAgain(world.runs);
  const client = hostile.harden(new EventBridgeClient(clientOptions()));
  const busName = uniqueName('bus');
  await client.send(new CreateEventBusCommand({ Name: busName }));
  /** what the bus has taken, as a subscriber sees it */
  const told: { runId: string; sequence: number }[] = [];
  wrapRequests(client, 'deserialize', async ({ input }, send) => {
    for (const { Detail } of input['Entries'] as { Detail: string }[]) {
      const { metadata, data } = JSON.parse(Detail);
      told.push({ runId: data.runId, sequence: metadata.sequence });
    }
    return send();
  });
  const bus = new EventBusSink({ client, busName, runs, baseUrl: 'https://plane.example.com' });
  /** sequences in the order in which they were handed over for the first time, by run */
  const handedOver = new Map<string, Set<number>>();
  const sink = {
    deliver: async (events: readonly RunEvent[]) => {
      for (const { runId, sequence } of events) handedOver.set(runId, (handedOver.get(runId) ?? new Set()).add(sequence));
      await bus.deliver(events);
    },
  };
  const handle = createHandler({ runs, sink }, { read: readStreamRecord, tellFollowers: async () => {}, log: () => {} });
  return { ...world, hostile, runs, sink, told, handedOver, handle };
}

/** A record of the table's stream; the run's own change comes beside that of its events. */
const recordsOf = (run: Run, sequence: number) =>
  [
    { eventName: 'INSERT', sk: eventSort(sequence) },
    { eventName: 'MODIFY', sk: runKey(run.id).sk },
  ].map(({ eventName, sk }) => ({
    eventName,
    dynamodb: { SequenceNumber: `${run.id}-${sequence}-${sk}`, Keys: { pk: { S: runPartition(run.id) }, sk: { S: sk } } },
  }));

test.each([1, 2, 3])('every event is published, those of a run in their order, and nothing stays behind (seed %i)', async (seed) => {
  const { runs, handle, told, handedOver, sink, hostile, table } = await openPlane(seed);
  const random = randomFrom(seed);
  const records: ReturnType<typeof recordsOf> = [];
  const all: Run[] = [];
  for (let index = 0; index < RUNS; index++) {
    let run = aRun();
    await runs.create(run, [anEvent(run, { type: 'run-created' })]);
    records.push(...recordsOf(run, 1));
    for (let change = 0; change < CHANGES; change++) {
      const next = { ...run, version: run.version + 1 };
      await runs.change(next, run.version, [anEvent(next, { type: 'state-changed' })]);
      records.push(...recordsOf(run, next.version));
      run = next;
    }
    all.push(run);
  }
  const removed = all[0] ?? aRun();
  await runs.remove(removed.id, removed.version);

  const batches = streamBatches(records, ({ dynamodb }) => JSON.stringify(dynamodb.Keys), random);
  // A batch that failed comes again; two consumers are at work where a shard was split.
  const consume = async (batch: typeof records): Promise<void> => {
    const { batchItemFailures } = await handle({ Records: batch } as unknown as DynamoDBStreamEvent);
    const failed = batch.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === batchItemFailures[0]?.itemIdentifier);
    if (failed >= 0) await consume(batch.slice(failed));
  };
  for (let index = 0; index < batches.length; index += 2) await Promise.all(batches.slice(index, index + 2).map(consume));
  await eventually(async () => {
    await deliverEvents({ runs, sink }); // the sweeper, once a minute
    expect(await runs.undelivered(1_000)).toEqual([]);
  });

  for (const { id, version } of all) {
    const all = Array.from({ length: version }, (_, index) => index + 1);
    expect([...(handedOver.get(id) ?? [])], id).toEqual(all);
    expect(new Set(told.filter(({ runId }) => runId === id).map(({ sequence }) => sequence)), id).toEqual(new Set(all));
  }
  const left = { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': runPartition(removed.id) } };
  await eventually(async () => expect(await table.query(left)).toEqual([]));
  expect([...hostile.struck.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(20);
});

test('a removed run leaves nothing, also where the reply to its last mark was lost', async () => {
  const { runs, table, client } = await openTable();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);
  await runs.remove(run.id, run.version);
  let isLost = false;
  wrapRequests(client, 'deserialize', async ({ operation }, send) => {
    const answer = await send();
    if (operation !== 'UpdateItem' || isLost) return answer;
    isLost = true;
    throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
  });

  await runs.markDelivered([anEvent(run)]);

  const left = { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': runPartition(run.id) } };
  expect([isLost, await table.query(left)]).toEqual([true, []]);
});
