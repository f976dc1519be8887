import { beforeEach, describe, expect, test } from 'vitest';
import { awaitEvents, listEvents } from '#operations/list-events.ts';
import { stopRun } from '#operations/stop-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

const sequences = (events: readonly { sequence: number }[] | null): number[] | null => events?.map(({ sequence }) => sequence) ?? null;

describe('the timeline', () => {
  test('comes in pages, ascending, and says where the next begins', async () => {
    const id = await plane.create();
    await plane.settle(id);
    const { run } = await plane.view(id);

    const first = await listEvents(plane.ports, id, 0, 2);
    const second = await listEvents(plane.ports, id, first.next ?? 0, 1_000);

    expect([sequences(first.items), first.next]).toEqual([[1, 2], 2]);
    expect([second.items.at(0)?.sequence, second.items.at(-1)?.sequence, second.next]).toEqual([3, run.version, null]);
  });

  test('is empty beyond the newest event, and refused for a run that is not there', async () => {
    const id = await plane.create();

    expect(await listEvents(plane.ports, id, 99, 10)).toEqual({ items: [], next: null });
    await expect(listEvents(plane.ports, 'run_x', 0, 10)).rejects.toMatchObject({ code: 'run_not_found' });
  });
});

describe('waiting for the next event', () => {
  const wait = (id: string, after: number) => awaitEvents(plane.ports, id, { after, limit: 100, waitMillis: 20_000 });

  test('does not wait where there are events already', async () => {
    const id = await plane.create();

    expect(sequences(await wait(id, 1))).toEqual([2]);
    expect(plane.bell.waits).toEqual([]);
  });

  test('ends as soon as an event is there', async () => {
    const id = await plane.create();
    plane.bell.during = async () => {
      await stopRun(plane.ports, id);
      return true;
    };

    expect(sequences(await wait(id, 2))).toEqual([3]);
    expect(plane.bell.waits).toEqual([20_000]);
  });

  test('goes on for the time that is left where the bell rang for nothing', async () => {
    const id = await plane.create();
    let rings = 0;
    plane.bell.during = async () => {
      plane.now += 4_000;
      rings += 1;
      return rings <= 2;
    };

    expect(await wait(id, 2)).toEqual([]);
    expect(plane.bell.waits).toEqual([20_000, 16_000, 12_000]);
  });

  test('ends with nothing when the time is over, and listens no more', async () => {
    const id = await plane.create();

    expect(await wait(id, 2)).toEqual([]);
    expect(plane.bell.listening).toBe(0);
  });

  test('is told that none will come once the run is final and all was seen', async () => {
    const id = await plane.create();
    await stopRun(plane.ports, id);

    expect([sequences(await wait(id, 2)), await wait(id, 3)]).toEqual([[3], null]);
    expect(plane.bell.waits).toEqual([]);
  });

  test('is refused for a run that is not there', async () => {
    await expect(wait('run_x', 0)).rejects.toMatchObject({ code: 'run_not_found' });
    expect(plane.bell.listening).toBe(0);
  });
});
