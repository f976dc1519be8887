import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Write } from '#aws/table/dynamo-table.ts';
import { groupOf, moveBetweenLists } from '#aws/table/run-lists.ts';
import { changedRun, newEvents, newRunItem } from '#aws/table/run-record.ts';
import { outboxPartitionOf } from '#aws/table/table-keys.ts';
import { makeId } from '#domain/ids.ts';
import type { Run } from '#domain/run.ts';
import { anEvent, aRun, EPOCH } from '../../support/builders.ts';

/**
 * A partition takes 1,000 write units a second, and at most 800 are planned for. A transaction pays two units for each KB.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
 */
const PLANNED_UNITS = 800;
const LIVE_RUNS = 10_000;
const PROJECTS = 20;

/** Per live run and second, as DESIGN paces it: a report each 30 s, a checkpoint each 10 min, six changes of state in an hour's run. */
const REPORTS_A_SECOND = 1 / 30;
const CHECKPOINTS_A_SECOND = 1 / 600;
const MOVES_A_SECOND = 6 / 3_600;
const CREATES_A_SECOND = 1 / 3_600;

const units = (item: unknown): number => Math.ceil(Buffer.byteLength(JSON.stringify(item)) / 1_024);

function partitionOf({ item }: Write): string {
  if ('Put' in item) return String(item.Put.Item?.['pk']);
  return String(('Update' in item ? item.Update : item.Delete).Key?.['pk']);
}

/** Write units a second by partition. Lists and counters depend on a run's group alone: one run stands for all of its project. */
function spread(): Map<string, number> {
  const perSecond = new Map<string, number>();
  const add = (partition: string, amount: number): void => void perSecond.set(partition, (perSecond.get(partition) ?? 0) + amount);
  const addAll = (writes: readonly Write[], rate: number): void => {
    for (const write of writes) add(partitionOf(write), rate * 2 * units(write.item));
  };
  for (let project = 0; project < PROJECTS; project++) {
    const run = aRun({ state: 'running', provider: 'aws-batch', projectId: `proj_${project}` });
    const before: Run = { ...run, state: 'initializing' };
    const change: Write[] = [{ item: changedRun(run, 1, EPOCH) }, ...newEvents(run.id, [anEvent(run)])];
    add(`RUN#${run.id}`, REPORTS_A_SECOND * units(newRunItem(run, EPOCH)));
    addAll(change, CHECKPOINTS_A_SECOND + MOVES_A_SECOND);
    addAll(moveBetweenLists(run.id, groupOf(before), groupOf(run)), (MOVES_A_SECOND * LIVE_RUNS) / PROJECTS);
    addAll(moveBetweenLists(run.id, null, groupOf(run)), (CREATES_A_SECOND * LIVE_RUNS) / PROJECTS);
  }
  // The index is written when a run enters it and when it leaves.
  for (let index = 0; index < LIVE_RUNS; index++)
    add(outboxPartitionOf(makeId('run', EPOCH + index)), 2 * (CHECKPOINTS_A_SECOND + MOVES_A_SECOND));
  return perSecond;
}

test('no partition is planned to take more than 800 write units a second, with 10,000 live runs', () => {
  const perSecond = spread();

  const [partition, busiest] = [...perSecond].reduce((most, entry) => (entry[1] > most[1] ? entry : most));

  expect(partition).toMatch(/^(COUNT|LIST)#/);
  expect(busiest, partition).toBeLessThan(PLANNED_UNITS);
});

test('the shards of the outbox share evenly', () => {
  const shards = [...spread()].filter(([partition]) => partition.startsWith('OUTBOX#')).map(([, rate]) => rate);

  expect(shards).toHaveLength(8);
  expect(Math.max(...shards) / Math.min(...shards)).toBeLessThan(1.25);
});

test('two runs share a part of a counter in one case of 32', () => {
  const parts = new Map<string, number>();
  for (let index = 0; index < LIVE_RUNS; index++) {
    const [counter] = moveBetweenLists(createHash('sha1').update(String(index)).digest('hex'), null, groupOf(aRun())).slice(-1);
    const key = counter && 'Update' in counter.item ? String(counter.item.Update.Key?.['sk']) : '';
    parts.set(key, (parts.get(key) ?? 0) + 1);
  }

  expect(parts.size).toBe(32);
  expect(Math.max(...parts.values())).toBeLessThan((LIVE_RUNS / 32) * 1.3);
});
