/** One metric of one or several runs: drawn on a canvas, said in a sentence, and there as a table. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { showCount } from '../format/numbers.ts';
import type { CurvePoint } from '../plane/wire.ts';
import { shownTheme } from '../theme/theme.ts';
import { ChartReading, chartSummary } from './chart-reading.tsx';
import { ChartTable } from './chart-table.tsx';
import type { AxisKind, AxisPlace } from './curve-axis.ts';
import { countValues } from './curve-data.ts';
import { unitOf } from './metric-groups.ts';
import { createPlot, type PlotMark } from './plot.ts';
import { type PlotColumns, toColumns } from './plot-data.ts';

export interface ChartLine {
  readonly id: string;
  readonly label: string;
  readonly colour: string;
  readonly dashes: readonly number[];
  readonly points: readonly CurvePoint[];
  readonly place: AxisPlace;
}

export interface ChartView {
  readonly axis: AxisKind;
  /** 0 to below 1 */
  readonly smoothing: number;
  readonly logX: boolean;
  readonly logY: boolean;
}

interface ChartProps {
  readonly name: string;
  readonly lines: readonly ChartLine[];
  readonly marks: readonly PlotMark[];
  readonly view: ChartView;
  readonly syncKey: string;
  /** a stretch of the axis was drawn with the mouse */
  readonly onSelect: (from: number, to: number) => void;
}

const HEIGHT = 210;

export function Chart({ name, lines, marks, view, syncKey, onSelect }: ChartProps) {
  const target = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef({ marks, onSelect });
  newest.current = { marks, onSelect };
  const row = useSignal<number | null>(null);
  const isTable = useSignal(false);
  const titleId = useId();
  const columns: PlotColumns = toColumns(lines, view);
  const isSmoothed = view.smoothing > 0;

  // What decides how the plot is built; data alone only fills it.
  const shape = JSON.stringify([
    lines.map(({ colour, dashes }) => [colour, dashes]),
    view.axis,
    view.logX,
    view.logY,
    isSmoothed,
    shownTheme.value,
  ]);
  useEffect(() => {
    const element = target.current;
    if (!element) return;
    const built = createPlot(element, {
      width: element.clientWidth,
      height: HEIGHT,
      ...view,
      isSmoothed,
      styles: lines,
      syncKey,
      marks: () => newest.current.marks,
      onCursor: (at) => {
        row.value = at;
      },
      onSelect: (from, to) => newest.current.onSelect(from, to),
    });
    plot.current = built;
    const resizes = new ResizeObserver(() => built.setSize({ width: element.clientWidth, height: HEIGHT }));
    resizes.observe(element);
    return () => {
      resizes.disconnect();
      built.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(columns as uPlot.AlignedData);
  });

  const summary = chartSummary(name, lines);
  return (
    <figure class="chart" aria-labelledby={titleId}>
      <figcaption>
        <h4 id={titleId}>{name}</h4>
        <span class="muted">{unitOf(name)}</span>
        <span class="spring" />
        <span class="muted shown">{shownOf(lines)}</span>
        <button
          type="button"
          class="plain"
          aria-pressed={isTable.value}
          onClick={() => {
            isTable.value = !isTable.value;
          }}
        >
          {isTable.value ? 'Chart' : 'Table'}
          <span class="unseen"> of {name}</span>
        </button>
      </figcaption>
      <ChartReading lines={lines} columns={columns} row={row.value} axis={view.axis} isSmoothed={isSmoothed} />
      <div ref={target} class="plot" role="img" aria-label={summary} hidden={isTable.value} style={{ height: `${HEIGHT}px` }} />
      {isTable.value && <ChartTable name={name} lines={lines} axis={view.axis} />}
    </figure>
  );
}

/** How many points stand for how many values, said aloud. */
function shownOf(lines: readonly ChartLine[]): string {
  const points = lines.reduce((sum, line) => sum + line.points.length, 0);
  const values = lines.reduce((sum, line) => sum + countValues(line.points), 0);
  return `${showCount(points)} of ${showCount(values)} points`;
}
