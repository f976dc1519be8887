import { expect, test } from 'vitest';
import { makeId } from '#domain/ids.ts';
import type { Run } from '#domain/run.ts';
import { NOTHING_LEFT } from '#domain/run.ts';
import { anEvent, aProgress, aRun, EPOCH, EPOCH_TIME } from '../../support/builders.ts';
import { countCalls, recordCalls } from '../../support/call-counter.ts';
import { openTable } from '../../support/table-world.ts';

const REMEMBERED = { scope: 'scope', bodyHash: 'a'.repeat(64), answer: { status: 201, headers: {}, body: '{}' } };
const laterVersion = (run: Run, changes: Partial<Run> = {}): Run => ({ ...run, ...changes, version: run.version + 1 });

async function openCounted() {
  const world = await openTable();
  const calls = recordCalls(world.client);
  const counted = async (act: () => Promise<unknown>): Promise<Record<string, number>> => {
    calls.length = 0;
    await act();
    return countCalls(calls);
  };
  return { ...world, calls, counted };
}

test('a create is one transaction, whatever it holds, far below the 100 items of one', async () => {
  const { runs, counted, calls } = await openCounted();
  const run = aRun();

  expect(await counted(() => runs.create(run, [anEvent(run)], REMEMBERED, [{ name: 'job:a' }, { name: 'folder:b' }]))).toEqual({
    TransactWriteItems: 1,
  });

  expect(calls[0]?.input['TransactItems']).toHaveLength(29);
});

test('a change is one transaction, and reads nothing where its run was read before', async () => {
  const { runs, counted } = await openCounted();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);
  const view = await runs.get(run.id);
  const next = laterVersion(view?.run ?? run, { state: 'queued' });

  expect(await counted(() => runs.change(next, 1, [anEvent(next)]))).toEqual({ TransactWriteItems: 1 });
});

test('reading, reporting and the timeline of a run are one call each', async () => {
  const { runs, counted } = await openCounted();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);

  expect(await counted(() => runs.get(run.id))).toEqual({ GetItem: 1 });
  expect(await counted(() => runs.recordProgress(run.id, aProgress()))).toEqual({ UpdateItem: 1 });
  expect(await counted(() => runs.events(run.id, 0, 100))).toEqual({ Query: 1 });
});

test('a list is one Query and one read of its runs, a total one Query, however many runs there are', async () => {
  const { runs, counted } = await openCounted();
  for (let index = 0; index < 12; index++) {
    const run = aRun({ state: index % 2 ? 'running' : 'failed', api: index % 3 ? 'sft' : 'management' });
    await runs.create(run, [anEvent(run)]);
  }

  for (const filter of [{}, { standing: ['running'] }, { provider: 'local', api: 'sft' }] as const) {
    expect(await counted(() => runs.list(filter, 5))).toEqual({ Query: 1, BatchGetItem: 1 });
    expect(await counted(() => runs.count(filter))).toEqual({ Query: 1 });
  }
  // Each standing is a list of its own.
  expect(await counted(() => runs.list({ standing: ['running', 'queued-again'] }, 5))).toEqual({ Query: 2, BatchGetItem: 1 });
});

test('eleven totals of one project, asked for together, are one Query', async () => {
  const { runs, counted } = await openCounted();

  const count = () =>
    Promise.all((['running', 'queued', 'failed'] as const).map((state) => runs.count({ projectId: 'p', state: [state] })));

  expect(await counted(count)).toEqual({ Query: 1 });
});

test('handing over the events of one run is a read, a Query and an update', async () => {
  const { runs, counted } = await openCounted();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);

  expect(
    await counted(async () => {
      await runs.markDelivered(await runs.undelivered(10, run.id));
    }),
  ).toEqual({ GetItem: 1, Query: 1, UpdateItem: 1 });
});

test('with nothing to publish, the sweep of the outbox is a handful of Queries of the sparse index', async () => {
  const { runs, counted, calls } = await openCounted();

  expect(await counted(() => runs.undelivered(100))).toEqual({ Query: 8 });
  expect(new Set(calls.map(({ input }) => input['IndexName']))).toEqual(new Set(['unpublished']));
});

test('nothing ever scans', async () => {
  const { runs, documents, answers, logIndex, counted } = await openCounted();
  const run = aRun();

  const seen = await counted(async () => {
    await runs.create(run, [anEvent(run)], REMEMBERED);
    await runs.list({ state: ['created'] }, 10);
    await runs.unfinished();
    await documents.list('configs', 10);
    await documents.expire('tickets', EPOCH);
    await answers.expire(EPOCH);
    await logIndex.lastBefore(run.id, EPOCH_TIME);
    await runs.remove(run.id, 1);
  });

  expect(Object.keys(seen)).not.toContain('Scan');
});

test('keeps the events of a change that brings hundreds at once', async () => {
  const { runs } = await openTable();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);
  const events = Array.from({ length: 450 }, (_, index) =>
    anEvent(run, { sequence: index + 2, type: 'checkpoint-saved', message: `step ${index} ${'x'.repeat(300)}` }),
  );

  await runs.change({ ...run, version: 451 }, 1, events);

  expect(await runs.events(run.id, 0, 1_000)).toEqual([anEvent(run), ...events]);
  expect(await runs.events(run.id, 200, 3)).toEqual(events.slice(199, 202));
});

test('keeps a run that has grown to 3,000 attempts', async () => {
  const { runs } = await openTable();
  const pastAttempts = Array.from({ length: 3_000 }, (_, index) => ({
    number: index + 1,
    outcome: 'interrupted' as const,
    reservedAt: new Date(EPOCH + index * 61_003).toISOString(),
    endedAt: new Date(EPOCH + index * 67_001).toISOString(),
    resumedFromStep: index * 7,
    ...NOTHING_LEFT,
    logLines: index * 13,
    metricRows: index * 3,
  }));
  const run = aRun({ pastAttempts });

  await runs.create(run, [anEvent(run)]);

  expect((await runs.get(run.id))?.run).toEqual(run);
});

test('moves the cursor of the outbox over a prefix without a gap, whoever marks first', async () => {
  const { runs } = await openTable();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);
  for (let version = 2; version <= 6; version++) {
    const next = { ...run, version };
    await runs.change(next, version - 1, [anEvent(next)]);
  }
  const events = await runs.undelivered(10, run.id);
  const sequences = async (): Promise<number[]> => (await runs.undelivered(10, run.id)).map(({ sequence }) => sequence);

  await runs.markDelivered(events.slice(2, 4));
  expect(await sequences()).toEqual([1, 2, 3, 4, 5, 6]);

  await Promise.all([
    runs.markDelivered(events.slice(0, 3)),
    runs.markDelivered(events.slice(0, 2)),
    runs.markDelivered(events.slice(0, 4)),
  ]);
  expect(await sequences()).toEqual([5, 6]);

  await runs.markDelivered(events);
  expect(await sequences()).toEqual([]);
});

test('leaves nothing of a removed run but its names, once its events are published', async () => {
  const { runs, logIndex, table } = await openTable();
  const run = aRun();
  await runs.create(run, [anEvent(run)], undefined, [{ name: 'job:poems' }]);
  await logIndex.add(run.id, [{ attempt: 1, chunk: 1, firstAt: EPOCH_TIME }]);

  await runs.remove(run.id, 1);
  await runs.markDelivered(await runs.undelivered(10, run.id));

  const left = await table.query({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': `RUN#${run.id}` },
  });
  expect(left).toEqual([]);
  expect(await runs.findByName('job:poems')).toBe(run.id);
});

test('no filter that a client sends can be a key that DynamoDB refuses', async () => {
  const { runs } = await openTable();

  for (const provider of ['x'.repeat(5_000), 'ä|*#🦜', '', '*']) {
    expect(await runs.list({ provider }, 10)).toEqual([]);
    expect(await runs.count({ provider, projectId: provider })).toBe(0);
  }
  expect(await runs.findByName('n'.repeat(5_000))).toBeNull();
  expect(await runs.get(makeId('run', EPOCH))).toBeNull();
});
