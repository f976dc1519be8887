import { expect, test } from 'vitest';
import { PollingBell } from '#aws/polling-bell.ts';

const open = (item: Record<string, unknown> | null = null) => {
  const waits: number[] = [];
  const bell = new PollingBell({ table: { get: async () => item }, wait: async (millis) => void waits.push(millis) });
  return { bell, waits };
};

test('rings once a second, and is over with the time', async () => {
  const { bell, waits } = open();
  const listener = bell.listen();

  expect([await listener.next(20_000), await listener.next(1_500), await listener.next(500)]).toEqual([true, true, false]);
  expect(waits).toEqual([1_000, 1_000, 500]);
});

test('rings no more for who has gone', async () => {
  const listener = open().bell.listen();
  listener.close();

  expect(await listener.next(20_000)).toBe(false);
});

test('a run is followed while it bears the mark', async () => {
  expect(await open({ followed: 'yes' }).bell.isFollowed('run_a')).toBe(true);
  expect(await open({}).bell.isFollowed('run_a')).toBe(false);
  expect(await open(null).bell.isFollowed('run_a')).toBe(false);
});
