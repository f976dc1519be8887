/** Curves in a line each, for a terminal. */
import type { Curves } from '../plane/runs.ts';
import type { Colors } from '../session.ts';
import { describeNumber } from './run-words.ts';
import { renderTable } from './table.ts';

const BLOCKS = '▁▂▃▄▅▆▇█';

/** One block a value, from the least to the greatest. */
export function drawSparkline(values: readonly number[]): string {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const span = greatest - least || 1;
  return values.map((value) => BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(((value - least) / span) * BLOCKS.length))]).join('');
}

export function describeCurves(runId: string, { series }: Curves, colors: Colors): string {
  if (series.length === 0) return `${runId} has no metrics yet`;
  return renderTable(
    series,
    [
      { title: 'metric', cell: ({ name }) => name },
      { title: 'curve', cell: ({ points }) => colors.cyan(drawSparkline(points.map(({ mean }) => mean))) },
      { title: 'first', isNumber: true, cell: ({ points }) => numberOf(points[0]?.mean) },
      { title: 'last', isNumber: true, cell: ({ points }) => colors.bold(numberOf(points.at(-1)?.last)) },
      { title: 'least', isNumber: true, cell: ({ points }) => numberOf(Math.min(...points.map(({ min }) => min))) },
      { title: 'greatest', isNumber: true, cell: ({ points }) => numberOf(Math.max(...points.map(({ max }) => max))) },
      { title: 'points', isNumber: true, cell: ({ shown }) => colors.dim(shown) },
    ],
    { colors },
  );
}

const numberOf = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '' : describeNumber(value));
