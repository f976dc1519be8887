/** What becomes of curves between the plane's answer and the pixels. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { axisPlace, between, secondsAtWork, stepAt } from '../../web/charts/curve-axis.ts';
import { append, appendAxis, countValues, factsOf, MOST_POINTS } from '../../web/charts/curve-data.ts';
import { groupMetrics } from '../../web/charts/metric-groups.ts';
import { toColumns } from '../../web/charts/plot-data.ts';
import { smooth } from '../../web/charts/smoothing.ts';

const point = (from_step: number, to_step: number, mean: number, { min = mean, max = mean } = {}) => ({
  from_step,
  to_step,
  count: to_step - from_step + 1,
  min,
  max,
  mean,
  last: mean,
});
const single = (step: number, value: number) => point(step, step, value);
const VIEW = { smoothing: 0, logX: false, logY: false };

describe('smoothing', () => {
  test('0 is the values themselves; a constant stays what it is under any weight', () => {
    expect(smooth([3, 1, 2], 0)).toEqual([3, 1, 2]);
    for (const value of smooth([5, 5, 5, 5], 0.99)) expect(value).toBeCloseTo(5, 10);
  });

  test('is the exponential mean without a pull towards zero', () => {
    const [first, second] = smooth([1, 0], 0.5);

    expect(first).toBeCloseTo(1); // (1 * 0.5) / (1 - 0.5)
    expect(second).toBeCloseTo(1 / 3); // (0.5 * 0.5 + 0) / (1 - 0.25)
  });

  test('never leaves the range of its values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (values, weight) => {
          const [least, greatest] = [Math.min(...values), Math.max(...values)];
          const slack = 1e-6 * Math.max(1, Math.abs(least), Math.abs(greatest));
          for (const value of smooth(values, weight)) {
            expect(value).toBeGreaterThanOrEqual(least - slack);
            expect(value).toBeLessThanOrEqual(greatest + slack);
          }
        },
      ),
    );
  });
});

describe('a growing curve', () => {
  test('takes later points in place of those that they overlap', () => {
    const before = [single(1, 1), single(2, 2), single(3, 3)];

    expect(append(before, [single(3, 30), single(4, 4)]).map(({ to_step, mean }) => [to_step, mean])).toEqual([
      [1, 1],
      [2, 2],
      [3, 30],
      [4, 4],
    ]);
    expect(append(before, [])).toEqual(before);
    expect(append(before, [point(2, 9, 5)])).toEqual([single(1, 1), point(2, 9, 5)]);
  });

  test('is thinned when it is long: every value is still counted, and no spike is lost', () => {
    let points = [single(1, 0)];
    for (let step = 2; step <= 3 * MOST_POINTS; step++) points = append(points, [single(step, step === 777 ? 99 : 0)]);

    expect(points.length).toBeLessThanOrEqual(MOST_POINTS);
    expect(countValues(points)).toBe(3 * MOST_POINTS);
    expect(factsOf(points)).toMatchObject({ greatest: { max: 99 }, first: { from_step: 1 }, last: { to_step: 3 * MOST_POINTS } });
    expect(points.every(({ from_step }, index) => from_step === (points[index - 1]?.to_step ?? 0) + 1)).toBe(true);
  });

  test('has no facts without a point', () => {
    expect(factsOf([])).toBeNull();
  });

  test('has axes that grow with it', () => {
    const at = (step: number, value: number) => ({ step, value });

    expect(appendAxis([at(1, 10), at(2, 20)], [at(2, 21), at(3, 30)])).toEqual([at(1, 10), at(2, 21), at(3, 30)]);
  });
});

describe('an axis', () => {
  const axes = {
    epoch: [
      { step: 1, value: 0.1 },
      { step: 11, value: 1.1 },
    ],
    timestamp: [
      { step: 1, value: 100 },
      { step: 10, value: 109 },
      { step: 11, value: 209 }, // a night between two attempts
      { step: 20, value: 218 },
    ],
  };
  const attempts = [
    { reserved_at: new Date(95_000).toISOString(), ended_at: new Date(110_000).toISOString() },
    { reserved_at: new Date(205_000).toISOString(), ended_at: null },
  ];
  const place = (kind: Parameters<typeof axisPlace>[0]) => axisPlace(kind, { axes, tokens: [point(1, 10, 0, { max: 640 })], attempts });

  test('in steps is the step, and without times there is no place', () => {
    expect(place('step')(7)).toBe(7);
    expect(axisPlace('wall', { axes: { epoch: [], timestamp: [] }, tokens: [], attempts })(7)).toBeNull();
  });

  test('draws straight lines between what is known, and stands still outside', () => {
    expect(place('epoch')(6)).toBeCloseTo(0.6);
    expect([between(axes.epoch, -5), between(axes.epoch, 99)]).toEqual([0.1, 1.1]);
    expect(place('wall')(15)).toBeCloseTo(213);
  });

  test('of time at work has no gap where an attempt went on', () => {
    expect(place('relative')(10)).toBeCloseTo(14); // 109 - 95
    expect(place('relative')(11)).toBeCloseTo(19); // 15 of the first attempt, 4 of the second
    expect(secondsAtWork(300, attempts)).toBe(110);
  });

  test('leads back to the step, for a zoom', () => {
    expect(stepAt(0.6, place('epoch'), 20)).toBe(6);
    expect(stepAt(7, place('step'), 20)).toBe(7);
    expect(stepAt(1e9, place('wall'), 20)).toBe(20);
  });
});

describe('the columns that are drawn', () => {
  const step = (value: number) => value;

  test('of one line are its place, mean, least, greatest and smoothed value', () => {
    expect(toColumns([{ points: [point(1, 3, 5, { min: 4, max: 9 })], place: step }], VIEW)).toEqual([[2], [5], [4], [9], [5]]);
  });

  test('of several lines share their places; a line has nothing where it has no point', () => {
    const columns = toColumns(
      [
        { points: [single(1, 10), single(3, 30)], place: step },
        { points: [single(2, 20), single(3, 33)], place: step },
      ],
      VIEW,
    );

    expect([columns[0], columns[1], columns[5]]).toEqual([
      [1, 2, 3],
      [10, null, 30],
      [null, 20, 33],
    ]);
  });

  test('leave out what has no place, or none on a log axis', () => {
    const lines = [{ points: [single(0, 1), single(1, -1), single(2, 2)], place: (at: number) => (at === 2 ? null : at) }];

    expect(toColumns(lines, VIEW)[0]).toEqual([0, 1]);
    expect(toColumns(lines, { ...VIEW, logX: true })[0]).toEqual([1]);
    expect(toColumns(lines, { ...VIEW, logY: true })[1]).toEqual([1, null]);
  });
});

test('charts stand by what they measure, and the loss first', () => {
  expect(groupMetrics(['memory_mb', 'grad_norm', 'eval_token_accuracy', 'loss', 'reward/mean', 'eval_loss', 'tokens_per_second'])).toEqual([
    ['train', ['loss', 'grad_norm']],
    ['eval', ['eval_loss', 'eval_token_accuracy']],
    ['system', ['memory_mb', 'tokens_per_second']],
    ['reward', ['reward/mean']],
  ]);
});
