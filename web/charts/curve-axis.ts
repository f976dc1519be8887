/** What a curve is drawn over. The plane counts in steps; everything else is looked up: what was reached at that step. Pure. */
import type { AxisPoint, CurvePoint, RunDetail, RunMetrics } from '../plane/wire.ts';

export const AXIS_KINDS = ['step', 'epoch', 'tokens', 'relative', 'wall'] as const;
export type AxisKind = (typeof AXIS_KINDS)[number];

export const AXIS_WORDS: Readonly<Record<AxisKind, string>> = {
  step: 'steps',
  epoch: 'epochs',
  tokens: 'tokens',
  relative: 'time at work',
  wall: 'time of day',
};

type Attempts = readonly Pick<RunDetail['attempts'][number], 'reserved_at' | 'ended_at'>[];

/** From a step to a place on the axis; null where the run does not say. */
export type AxisPlace = (step: number) => number | null;

/**
 * @param tokens points of the series `tokens`, which counts them from the beginning
 * @param attempts in their order; time between them is no time at work, so a resumed run has no gap
 */
export function axisPlace(
  kind: AxisKind,
  { axes, tokens, attempts }: { readonly axes: RunMetrics['axes']; readonly tokens: readonly CurvePoint[]; readonly attempts: Attempts },
): AxisPlace {
  switch (kind) {
    case 'step':
      return (step) => step;
    case 'epoch':
      return (step) => between(axes.epoch, step);
    case 'tokens': {
      const knots = tokens.map(({ to_step, last }) => ({ step: to_step, value: last }));
      return (step) => between(knots, step);
    }
    case 'wall':
      return (step) => between(axes.timestamp, step);
    case 'relative':
      return (step) => {
        const time = between(axes.timestamp, step);
        return time === null ? null : secondsAtWork(time, attempts);
      };
  }
}

/** Straight lines between what is known; before the first and behind the last it stands still. */
export function between(knots: readonly AxisPoint[], step: number): number | null {
  let low = 0;
  let high = knots.length - 1;
  const [first, last] = [knots[0], knots[high]];
  if (first === undefined || last === undefined) return null;
  if (step <= first.step) return first.value;
  if (step >= last.step) return last.value;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((knots[middle]?.step ?? 0) <= step) low = middle;
    else high = middle;
  }
  const [left, right] = [knots[low] ?? first, knots[high] ?? last];
  const share = right.step === left.step ? 1 : (step - left.step) / (right.step - left.step);
  return left.value + share * (right.value - left.value);
}

/** @param time seconds since 1970. @returns how much of it lay within attempts */
export function secondsAtWork(time: number, attempts: Attempts): number {
  return attempts.reduce((sum, { reserved_at, ended_at }) => {
    const begin = Date.parse(reserved_at) / 1_000;
    const end = ended_at === null ? time : Math.min(time, Date.parse(ended_at) / 1_000);
    return sum + Math.max(0, end - begin);
  }, 0);
}

/** The step at a place of an axis, for a zoom: places never go back along the steps. @param last the highest step there is */
export function stepAt(place: number, toPlace: AxisPlace, last: number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((toPlace(middle) ?? 0) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}
