import { beforeEach, describe, expect, test } from 'vitest';
import { runFolderKeys } from '#domain/run-folder.ts';
import { readMetrics } from '#operations/read-metrics.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
let read: string[];
beforeEach(() => {
  plane = new MemoryPlane();
  read = [];
  const get = plane.artifacts.get.bind(plane.artifacts);
  plane.artifacts.get = (key) => {
    if (key.includes('/metrics/')) read.push(key);
    return get(key);
  };
});

const NO_AXES = { epoch: [], timestamp: [] };
const ALL = { names: null, fromStep: 0, toStep: Number.MAX_SAFE_INTEGER, points: 500 };
/** Of step n in attempt a: with a spike at step 4,321. */
const lossAt = (step: number, attempt: number): number => (step === 4_321 ? 99 : attempt * 10 + step / 100_000);

const keyOf = (id: string, key: string): string => `runs/${id}/framework=hf/${key}`;

/** Rows of steps `from` to `to`, each with a loss; the buckets of the overview take `width` of them. */
async function writeRows(id: string, attempt: number, from: number, to: number): Promise<void> {
  const rows = Array.from({ length: to - from + 1 }, (_, index) => ({
    step: from + index,
    epoch: null,
    timestamp: '2026-01-01T00:00:00.000Z',
    loss: lossAt(from + index, attempt),
  }));
  for (let chunk = 0; chunk * 1_000 < rows.length; chunk++) {
    const text = rows.slice(chunk * 1_000, (chunk + 1) * 1_000).map((row) => `${JSON.stringify(row)}\n`);
    await plane.artifacts.put(keyOf(id, runFolderKeys.metricChunk(id, attempt, chunk + 1)), text.join(''));
  }
}

async function writeOverview(id: string, values: readonly number[], width: number): Promise<void> {
  const buckets = [];
  for (let begin = 0; begin < values.length; begin += width) {
    const part = values.slice(begin, begin + width);
    buckets.push({
      fromStep: begin + 1,
      toStep: begin + part.length,
      count: part.length,
      min: Math.min(...part),
      max: Math.max(...part),
      mean: part.reduce((sum, value) => sum + value, 0) / part.length,
      last: part.at(-1) ?? 0,
    });
  }
  await plane.artifacts.put(
    keyOf(id, runFolderKeys.overview(id)),
    JSON.stringify({ schema: 1, series: { loss: buckets, eval_loss: buckets.slice(0, 2) } }),
  );
}

async function aRun(steps: number, width: number): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  await plane.trainer(id).claim();
  await writeRows(id, 1, 1, steps);
  await writeOverview(
    id,
    Array.from({ length: steps }, (_, index) => lossAt(index + 1, 1)),
    width,
  );
  await plane.trainer(id).report('training', { step: steps, counts: { logLines: 0, metricRows: steps, checkpoints: 0, samples: 0 } });
  await plane.settle(id);
  return id;
}

describe('a curve', () => {
  test('of 48,000 values comes in 500 points from one file, with the spike, and says how many it stands for', async () => {
    const id = await aRun(48_000, 64);

    const { names, curves } = await readMetrics(plane.ports, id, { ...ALL, names: ['loss'] });

    expect(names).toEqual(['eval_loss', 'loss']);
    expect(curves).toMatchObject([{ name: 'loss', total: 48_000 }]);
    const points = curves[0]?.points ?? [];
    expect(points).toHaveLength(500);
    expect([points[0]?.fromStep, points.at(-1)?.toStep, Math.max(...points.map(({ max }) => max))]).toEqual([1, 48_000, 99]);
    expect(points.every((point, index) => index === 0 || point.fromStep === (points[index - 1]?.toStep ?? 0) + 1)).toBe(true);
    expect(read).toEqual([keyOf(id, runFolderKeys.overview(id))]);
  });

  test('of a short run has each value as its own point', async () => {
    const id = await aRun(20, 1);

    const { curves } = await readMetrics(plane.ports, id, { ...ALL, names: ['loss'] });

    expect(curves[0]?.points.map(({ fromStep, last }) => [fromStep, last])).toEqual(
      Array.from({ length: 20 }, (_, index) => [index + 1, lossAt(index + 1, 1)]),
    );
    expect(read).toHaveLength(1);
  });

  test('looked at more finely than the overview is read from its rows, found by halving', async () => {
    const id = await aRun(48_000, 64);

    const { curves } = await readMetrics(plane.ports, id, { names: ['loss'], fromStep: 30_950, toStep: 31_049, points: 500 });

    expect(curves).toMatchObject([{ total: 100 }]);
    expect(curves[0]?.points.map(({ fromStep }) => fromStep)).toEqual(Array.from({ length: 100 }, (_, index) => 30_950 + index));
    expect(read.length).toBeLessThanOrEqual(1 + 6 + 2);
  });

  test('too long for its rows to be read stays with the overview', async () => {
    const id = await aRun(48_000, 64);

    const { curves } = await readMetrics(plane.ports, id, { ...ALL, names: ['loss'], points: 1_024 });

    expect(curves[0]?.points).toHaveLength(750);
    expect(read).toHaveLength(1);
  });

  test('counts for each step the highest attempt, and nothing that was trained after the checkpoint it went on from', async () => {
    const id = await aRun(2_000, 50);
    await plane.trainer(id).checkpoint(1_500);
    await plane.trainer(id).finish('interrupted', { counts: { logLines: 0, metricRows: 2_000, checkpoints: 1, samples: 0 } });
    await plane.settle(id);
    await plane.trainer(id, 2).claim();
    await writeRows(id, 2, 1_501, 1_600);
    await plane.trainer(id, 2).report('training', { step: 1_600, counts: { logLines: 0, metricRows: 100, checkpoints: 0, samples: 0 } });
    await plane.settle(id);

    const { curves } = await readMetrics(plane.ports, id, { names: ['loss'], fromStep: 1_499, toStep: 1_700, points: 1_000 });

    const losses = new Map(curves[0]?.points.map(({ fromStep, last }) => [fromStep, last]));
    expect([losses.get(1_500), losses.get(1_501), losses.get(1_600), losses.get(1_601)]).toEqual([
      lossAt(1_500, 1),
      lossAt(1_501, 2),
      lossAt(1_600, 2),
      undefined,
    ]);
    expect(curves[0]?.total).toBe(102);
  });

  test('says when each step was trained, and counts that among no names', async () => {
    const id = await aRun(4, 1);
    const bucket = (fromStep: number, toStep: number, min: number, last: number) => ({
      fromStep,
      toStep,
      count: 2,
      min,
      max: last,
      mean: last,
      last,
    });
    const series = {
      loss: [bucket(1, 2, 1, 1)],
      epoch: [bucket(1, 2, 0.25, 0.5), bucket(3, 3, 0.75, 0.75)],
      timestamp: [bucket(1, 2, 100, 101)],
    };
    await plane.artifacts.put(keyOf(id, runFolderKeys.overview(id)), JSON.stringify({ schema: 1, series }));

    const { names, axes } = await readMetrics(plane.ports, id, ALL);

    expect(names).toEqual(['loss']);
    expect(axes).toEqual({
      epoch: [
        { step: 1, value: 0.25 },
        { step: 2, value: 0.5 },
        { step: 3, value: 0.75 },
      ],
      timestamp: [
        { step: 1, value: 100 },
        { step: 2, value: 101 },
      ],
    });
  });

  test('that is not there is left out; a run that measured nothing yet has none', async () => {
    const id = await plane.create();

    expect(await readMetrics(plane.ports, id, ALL)).toEqual({ names: [], curves: [], axes: NO_AXES });
    expect(await readMetrics(plane.ports, await aRun(5, 1), { ...ALL, names: ['grad_norm'] })).toMatchObject({ curves: [] });
    await expect(readMetrics(plane.ports, 'run_x', ALL)).rejects.toMatchObject({ code: 'run_not_found' });
  });

  test('whose overview is torn is as if it were not there yet', async () => {
    const id = await aRun(5, 1);
    await plane.artifacts.put(keyOf(id, runFolderKeys.overview(id)), '{"schema": 1, "ser');

    expect(await readMetrics(plane.ports, id, ALL)).toEqual({ names: [], curves: [], axes: NO_AXES });
  });
});
