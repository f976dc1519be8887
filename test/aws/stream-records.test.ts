import { expect, test } from 'vitest';
import { FOLLOWED, readStreamRecord, STREAM_FILTERS } from '#aws/stream-records.ts';
import { documentKey, eventSort, runKey, runPartition, type TableKey } from '#aws/table/table-keys.ts';

const record = ({ pk, sk }: TableKey) => ({ dynamodb: { Keys: { pk: { S: pk }, sk: { S: sk } } } });

test('says whose run changed, and whether it brought events', () => {
  expect(readStreamRecord(record({ pk: runPartition('run_a'), sk: eventSort(7) }))).toEqual({ runId: 'run_a', hasEvents: true });
  expect(readStreamRecord(record(runKey('run_a')))).toEqual({ runId: 'run_a', hasEvents: false });
  for (const key of [documentKey('configs', 'cfg_1'), { pk: 'LIST#*|*|*|*', sk: 'run_a' }])
    expect(readStreamRecord(record(key))).toBeNull();
  expect(readStreamRecord({})).toBeNull();
});

test('the filters are those of keys and marks as they are written', () => {
  const [events, changes] = STREAM_FILTERS;

  expect(eventSort(1).startsWith(events.dynamodb.Keys.sk.S[0].prefix)).toBe(true);
  expect(changes.dynamodb.Keys.sk.S).toEqual([runKey('run_a').sk]);
  expect(changes.dynamodb.NewImage.followed.S[0].prefix).toBe(FOLLOWED);
});
