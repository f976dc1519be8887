/** What only the SQLite run store promises: the outbox's doorbell, what reads cost, and what a damaged record says. */

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeId } from '#domain/ids.ts';
import type { Run } from '#domain/run.ts';
import type { RunFilter } from '#ports/run-store.ts';
import { anEvent, aProgress, aRun, EPOCH } from '../support/builders.ts';
import { openLocalStores } from '../support/local-stores.ts';

async function openStores(options?: { readonly onEvents?: () => void }) {
  const stores = await openLocalStores(options);
  onTestFinished(stores.close);
  return stores;
}

const create = async ({ runs }: Awaited<ReturnType<typeof openStores>>, overrides: Partial<Run> = {}): Promise<Run> => {
  const run = aRun(overrides);
  await runs.create(run, [anEvent(run)]);
  return run;
};

/** What another program reads from the file. */
function readRaw(home: string, sql: string, ...values: null[]): Record<string, unknown>[] {
  const connection = new DatabaseSync(join(home, 'tuneplane.sqlite'), { readOnly: true });
  try {
    return connection
      .prepare(sql)
      .all(...values)
      .map((row) => ({ ...row }));
  } finally {
    connection.close();
  }
}

test('rings once after a commit that appended events, when they can be read', async () => {
  const seen: number[] = [];
  const stores = await openStores({ onEvents: () => void stores.runs.undelivered(100).then((events) => seen.push(events.length)) });

  await Promise.all(Array.from({ length: 10 }, () => create(stores)));
  await stores.runs.undelivered(1);

  expect(seen).toEqual([10]);
});

test('does not ring for progress, nor for what was refused', async () => {
  let rings = 0;
  const stores = await openStores({ onEvents: () => void rings++ });
  const run = await create(stores);

  await stores.runs.recordProgress(run.id, aProgress());
  await expect(stores.runs.create(run, [anEvent(run)])).rejects.toThrow();

  expect(rings).toBe(1);
});

test('hands out what lies behind a gap again, with the gap', async () => {
  const { runs, ...stores } = await openStores();
  const [first, second, third] = [await create({ runs, ...stores }), await create({ runs, ...stores }), await create({ runs, ...stores })];

  await runs.markDelivered([anEvent(first), anEvent(third)]);
  const afterGap = await runs.undelivered(10);
  await runs.markDelivered([anEvent(second), anEvent(third)]);

  expect(afterGap).toEqual([anEvent(second), anEvent(third)]);
  expect(await runs.undelivered(10)).toEqual([]);
});

test('lists by a filter that very many groups meet', async () => {
  const stores = await openStores();
  const projects = Array.from({ length: 520 }, (_, index) =>
    aRun({ projectId: `proj_${index}`, state: index % 2 === 0 ? 'queued' : 'running' }),
  );
  await Promise.all(projects.map((run) => stores.runs.create(run, [anEvent(run)])));
  const expected = projects.map(({ id }) => id).reverse();

  const first = await stores.runs.list({ provider: 'local' }, 100);
  const second = await stores.runs.list({ provider: 'local' }, 1_000, first.at(-1)?.run.id);

  expect([...first, ...second].map(({ run }) => run.id)).toEqual(expected);
  expect(await stores.runs.count({ provider: 'local' })).toBe(520);
});

test('reads runs and events by their indexes, whatever is asked', async () => {
  // given the statements that the store's reads are made of
  const { database, runs, ...stores } = await openStores();
  const { id } = await create({ database, runs, ...stores });
  const spies = [vi.spyOn(database, 'row'), vi.spyOn(database, 'rows')];
  const filters: RunFilter[] = [{}, { state: ['created'] }, { api: 'sft' }, { provider: 'local', projectId: 'proj_default' }];
  for (const filter of filters) await Promise.all([runs.list(filter, 10), runs.count(filter)]);
  await Promise.all([runs.get(id), runs.unfinished(), runs.events(id, 0, 10), runs.undelivered(10)]);
  const statements = new Set(spies.flatMap((spy) => spy.mock.calls.map(([, sql]) => sql)));

  // when SQLite explains them
  const plans = [...statements].map((sql) => {
    const parameters = [...sql.replaceAll(/\?\d/g, '').matchAll(/\?/g)].map(() => null);
    return readRaw(stores.home, `EXPLAIN QUERY PLAN ${sql}`, ...parameters).map(({ detail }) => detail);
  });

  // then none walks through all runs or all events
  expect(plans.length).toBeGreaterThan(6);
  expect(plans.flat().filter((step) => /^SCAN (runs|events)/.test(String(step)))).toEqual([]);
});

test('keeps no group that is empty', async () => {
  const stores = await openStores();
  const run = await create(stores, { state: 'queued' });
  const next = { ...run, version: 2, state: 'failed' } as const;
  await stores.runs.change(next, 1, [anEvent(next)]);

  const groups = readRaw(stores.home, 'SELECT state, runs FROM run_groups');

  expect(groups).toEqual([{ state: 'failed', runs: 1 }]);
});

test('names the run whose record cannot be read, and what is wrong with it', async () => {
  const stores = await openStores();
  const { id } = await create(stores);
  await stores.database.write(() =>
    stores.database.execute("UPDATE runs SET record = json_set(record, '$.state', 'asleep') WHERE id = ?", id),
  );

  await expect(stores.runs.get(id)).rejects.toThrow(new RegExp(`the stored run ${id} cannot be read: .*state`, 's'));
});

test('reads the newest record and progress, however often they were read before', async () => {
  const stores = await openStores();
  const run = await create(stores);
  const next = { ...run, version: 2, name: 'renamed' };

  await stores.runs.get(run.id);
  await stores.runs.change(next, 1, [anEvent(next)]);
  const changed = await stores.runs.get(run.id);
  await stores.runs.recordProgress(run.id, aProgress({ sequence: 1 }));
  await stores.runs.get(run.id);
  await stores.runs.recordProgress(run.id, aProgress({ sequence: 2 }));

  expect(changed).toEqual({ run: next, progress: null });
  expect(await stores.runs.get(run.id)).toEqual({ run: next, progress: aProgress({ sequence: 2 }) });
});

test('lets nobody write to what all readers share', async () => {
  const stores = await openStores();
  const { id } = await create(stores);
  const view = await stores.runs.get(id);

  expect(() => view?.run.choices.push({ name: 'a', value: 'b', reason: 'c' })).toThrow(TypeError);
});

test('gives events places above the outbox, also after older ones were removed', async () => {
  const stores = await openStores();
  const first = await create(stores);
  await stores.runs.markDelivered([anEvent(first)]);
  await stores.database.write(() => stores.database.execute('DELETE FROM events'));

  const second = await create(stores, { id: makeId('run', EPOCH) });

  expect(await stores.runs.undelivered(10)).toEqual([anEvent(second)]);
});
