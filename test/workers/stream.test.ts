import type { DynamoDBStreamEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import type { RunEvent } from '#domain/run.ts';
import { createHandler } from '#workers/stream.ts';
import { anEvent, aRun } from '../support/builders.ts';
import { MemoryRuns } from '../support/memory-runs.ts';

const recordOf = (sequence: number, runId: string, hasEvents = true) => ({
  dynamodb: { SequenceNumber: String(sequence) },
  about: { runId, hasEvents },
});
const streamOf = (...records: ReturnType<typeof recordOf>[]): DynamoDBStreamEvent => ({ Records: records as never });

async function openConsumer() {
  const runs = new MemoryRuns();
  const published: string[] = [];
  const told: string[] = [];
  let refused: string | null = null;
  const sink = {
    deliver: async (events: readonly RunEvent[]) => {
      if (events.some(({ runId }) => runId === refused)) throw new Error('the bus is away');
      published.push(...events.map(({ runId, sequence }) => `${runId} ${sequence}`));
    },
  };
  const cursors = new Map<string, number>();
  // Each run has a cursor of its own, as in the table.
  runs.undelivered = async (limit, runId = '') => runs.events(runId, cursors.get(runId) ?? 0, limit);
  runs.markDelivered = async (events) => {
    for (const { runId, sequence } of events) cursors.set(runId, sequence);
  };
  const handle = createHandler(
    { runs, sink },
    {
      read: (record) => (record as unknown as ReturnType<typeof recordOf>).about,
      tellFollowers: async (runId) => void told.push(runId),
      log: () => {},
    },
  );
  const create = async (id: string, events: number): Promise<void> => {
    const run = aRun({ id });
    await runs.create(
      run,
      Array.from({ length: events }, (_, index) => anEvent(run, { sequence: index + 1 })),
    );
  };
  await create('run_a', 3);
  await create('run_b', 1);
  return { runs, handle, published, told, refuse: (runId: string | null) => (refused = runId) };
}

test('publishes what the outbox of each run holds, in order, whatever the records say', async () => {
  const { handle, published, told } = await openConsumer();

  const result = await handle(streamOf(recordOf(1, 'run_a'), recordOf(2, 'run_b'), recordOf(3, 'run_a')));

  expect(result).toEqual({ batchItemFailures: [] });
  expect(published.sort()).toEqual(['run_a 1', 'run_a 2', 'run_a 3', 'run_b 1']);
  expect(told.sort()).toEqual(['run_a', 'run_b']);
});

test('records that come again, or shuffled, publish nothing again', async () => {
  const { handle, published } = await openConsumer();
  await handle(streamOf(recordOf(3, 'run_a'), recordOf(1, 'run_a')));
  published.length = 0;

  await handle(streamOf(recordOf(2, 'run_a'), recordOf(2, 'run_a'), recordOf(1, 'run_a')));

  expect(published).toEqual([]);
});

test('goes on from the first record that failed, and what was published meanwhile is not published again', async () => {
  const { handle, published, refuse } = await openConsumer();
  refuse('run_b');

  const result = await handle(streamOf(recordOf(1, 'run_a'), recordOf(2, 'run_b'), recordOf(3, 'run_a'), recordOf(4, 'run_b')));

  expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: '2' }] });
  refuse(null);
  await handle(streamOf(recordOf(2, 'run_b'), recordOf(3, 'run_a'), recordOf(4, 'run_b')));
  expect(published).toEqual(['run_a 1', 'run_a 2', 'run_a 3', 'run_b 1']);
});

test('a report of a followed run is told, and publishes nothing', async () => {
  const { handle, published, told } = await openConsumer();

  await handle(streamOf(recordOf(1, 'run_a', false)));

  expect([published, told]).toEqual([[], ['run_a']]);
});
