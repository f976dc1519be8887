/** Curves as they grow: new points behind the old ones, fewer again when they are many. Pure. */
import type { AxisPoint, CurvePoint } from '../plane/wire.ts';

/** Above so many a curve is thinned to half: more points than pixels show nothing more. */
export const MOST_POINTS = 2_000;

/** Later points in place of what they overlap. */
export function append(before: readonly CurvePoint[], later: readonly CurvePoint[]): CurvePoint[] {
  const from = later[0]?.from_step;
  if (from === undefined) return [...before];
  let end = before.length;
  while (end > 0 && (before[end - 1]?.to_step ?? 0) >= from) end -= 1;
  const joined = [...before.slice(0, end), ...later];
  return joined.length > MOST_POINTS ? halve(joined) : joined;
}

/** Neighbours two by two become one, with the least and the greatest of both: no spike is lost. */
function halve(points: readonly CurvePoint[]): CurvePoint[] {
  const halved: CurvePoint[] = [];
  for (let at = 0; at < points.length; at += 2) {
    const [a, b] = [points[at], points[at + 1]];
    if (a && b) halved.push(merge(a, b));
    else if (a) halved.push(a);
  }
  return halved;
}

function merge(a: CurvePoint, b: CurvePoint): CurvePoint {
  const count = a.count + b.count;
  return {
    from_step: a.from_step,
    to_step: b.to_step,
    count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    mean: a.mean * (a.count / count) + b.mean * (b.count / count),
    last: b.last,
  };
}

/** The same for what was reached at a step. */
export function appendAxis(before: readonly AxisPoint[], later: readonly AxisPoint[]): AxisPoint[] {
  const from = later[0]?.step;
  return from === undefined ? [...before] : [...before.filter(({ step }) => step < from), ...later];
}

export const countValues = (points: readonly CurvePoint[]): number => points.reduce((sum, { count }) => sum + count, 0);

export interface CurveFacts {
  readonly first: CurvePoint;
  readonly last: CurvePoint;
  readonly least: CurvePoint;
  readonly greatest: CurvePoint;
}

/** Null where there are no points. */
export function factsOf(points: readonly CurvePoint[]): CurveFacts | null {
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last) return null;
  let [least, greatest] = [first, first];
  for (const point of points) {
    if (point.min < least.min) least = point;
    if (point.max > greatest.max) greatest = point;
  }
  return { first, last, least, greatest };
}
