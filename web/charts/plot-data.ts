/** From curves to the columns that uPlot draws: one x for all, and for each line its mean, least, greatest and smoothed values. Pure. */
import type { CurvePoint } from '../plane/wire.ts';
import type { AxisPlace } from './curve-axis.ts';
import { smooth } from './smoothing.ts';

export interface PlotLine {
  readonly points: readonly CurvePoint[];
  readonly place: AxisPlace;
}

/** x, then mean, min, max, smooth of each line. */
export type PlotColumns = (number | null)[][];
export const COLUMNS_A_LINE = 4;

/** @param logY what is not above 0 has no place on a log axis and is left out; `logX` likewise */
export function toColumns(
  lines: readonly PlotLine[],
  { smoothing, logX, logY }: { readonly smoothing: number; readonly logX: boolean; readonly logY: boolean },
): PlotColumns {
  const tables = lines.map(({ points, place }) => toTable(points, place, smoothing, logX, logY));
  const [only] = tables;
  return tables.length === 1 && only ? only : join(tables);
}

function toTable(points: readonly CurvePoint[], place: AxisPlace, smoothing: number, logX: boolean, logY: boolean): PlotColumns {
  const placed = points.flatMap((point) => {
    const x = place((point.from_step + point.to_step) / 2);
    return x === null || (logX && x <= 0) ? [] : [{ x, point }];
  });
  const drawable = (value: number): number | null => (logY && value <= 0 ? null : value);
  return [
    placed.map(({ x }) => x),
    placed.map(({ point }) => drawable(point.mean)),
    placed.map(({ point }) => drawable(point.min)),
    placed.map(({ point }) => drawable(point.max)),
    smooth(
      placed.map(({ point }) => point.mean),
      smoothing,
    ).map(drawable),
  ];
}

/** Several lines over the union of their x; where a line has no point there it is null, and uPlot draws on to its next. */
function join(tables: readonly PlotColumns[]): PlotColumns {
  const xs = [...new Set(tables.flatMap(([x = []]) => x))].filter((x) => x !== null).sort((a, b) => a - b);
  const rowOf = new Map(xs.map((x, row) => [x, row]));
  const columns: PlotColumns = [xs];
  for (const [x = [], ...values] of tables) {
    for (const column of values) {
      const joined: (number | null)[] = new Array(xs.length).fill(null);
      for (const [at, value] of column.entries()) {
        const row = rowOf.get(x[at] ?? Number.NaN);
        if (row !== undefined) joined[row] = value;
      }
      columns.push(joined);
    }
  }
  return columns;
}
