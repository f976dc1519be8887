/** uPlot, set up as a curve of training is read: the raw line faint with its spread, the smoothed one strong, resumes marked. */
import uPlot from 'uplot';
import { showNumber } from '../format/numbers.ts';
import { showClock, showDuration } from '../format/times.ts';
import { cssColour } from './css-colour.ts';
import type { AxisKind } from './curve-axis.ts';
import { COLUMNS_A_LINE } from './plot-data.ts';

export interface PlotStyle {
  readonly colour: string;
  readonly dashes: readonly number[];
}

export interface PlotMark {
  /** place on the x axis */
  readonly x: number;
  readonly label: string;
}

export interface PlotOptions {
  readonly width: number;
  readonly height: number;
  readonly axis: AxisKind;
  readonly logX: boolean;
  readonly logY: boolean;
  readonly isSmoothed: boolean;
  readonly styles: readonly PlotStyle[];
  /** asked at each draw */
  readonly marks: () => readonly PlotMark[];
  /** charts with the same key move their cursors together */
  readonly syncKey: string;
  /** the row of the columns under the cursor; null: it left */
  readonly onCursor: (row: number | null) => void;
  /** a stretch of the x axis was drawn with the mouse */
  readonly onSelect: (from: number, to: number) => void;
}

const FONT = '11px system-ui, sans-serif';
const FAINT = 0.3;
const SPREAD = 0.14;

export function createPlot(target: HTMLElement, options: PlotOptions): uPlot {
  const { styles, isSmoothed, logX, logY } = options;
  const [text, line] = [cssColour('--muted'), cssColour('--line')];
  const axis = { stroke: text, font: FONT, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 } };
  return new uPlot(
    {
      width: options.width,
      height: options.height,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: options.syncKey },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        y: false,
      },
      scales: { x: { time: false, distr: logX ? 3 : 1 }, y: { distr: logY ? 3 : 1 } },
      axes: [
        { ...axis, space: 64, size: 30, values: (_, splits) => splits.map((split) => placeWord(options.axis, split)) },
        { ...axis, size: 58, values: (_, splits) => splits.map((split) => (split === null ? '' : showNumber(split))) },
      ],
      series: [{}, ...styles.flatMap((style) => lineSeries(style, isSmoothed))],
      bands: styles.map(({ colour }, index) => ({
        series: [index * COLUMNS_A_LINE + 3, index * COLUMNS_A_LINE + 2] as [number, number],
        fill: withAlpha(colour, SPREAD),
      })),
      hooks: {
        draw: [(plot) => drawMarks(plot, options.marks())],
        setCursor: [({ cursor }) => options.onCursor(cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 3) options.onSelect(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    [[]],
    target,
  );
}

function lineSeries({ colour, dashes }: PlotStyle, isSmoothed: boolean): uPlot.Series[] {
  const shared = { spanGaps: true, points: { show: false } };
  const dash = dashes.length > 0 ? { dash: [...dashes] } : {};
  const bound = { ...shared, stroke: 'transparent', width: 0 };
  return [
    {
      ...shared,
      stroke: isSmoothed ? withAlpha(colour, FAINT) : colour,
      width: isSmoothed ? 1 : 1.5,
      ...(isSmoothed ? {} : dash),
      points: lonelyPoints(colour),
    },
    bound,
    bound,
    { ...shared, show: isSmoothed, stroke: colour, width: 1.75, ...dash },
  ];
}

/** A line of one or a few values is seen by its points. */
const lonelyPoints = (colour: string): uPlot.Series.Points => ({
  size: 4,
  fill: colour,
  show: (plot, series) => {
    let values = 0;
    for (const value of plot.data[series] ?? []) if (value !== null && ++values > 24) return false;
    return true;
  },
});

const withAlpha = (colour: string, alpha: number): string => colour.replace(/\)$/, ` / ${alpha})`);

/** Where an attempt went on, as a dashed upright with its word beside it. */
function drawMarks(plot: uPlot, marks: readonly PlotMark[]): void {
  const { ctx, bbox } = plot;
  const colour = cssColour('--warning');
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
  for (const { x, label } of marks) {
    const left = Math.round(plot.valToPos(x, 'x', true));
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(label, left + 3 * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
  }
  ctx.restore();
}

/** A place on the axis in the words of its unit. @param axis kind of the axis, place in its unit: steps, epochs, tokens, seconds */
export function placeWord(axis: AxisKind, place: number | null): string {
  if (place === null) return '';
  if (axis === 'wall') return showClock(place * 1_000);
  if (axis === 'relative') return showDuration(place);
  return compact(place);
}

function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${trim(value / 1e9)}G`;
  if (size >= 1e6) return `${trim(value / 1e6)}M`;
  if (size >= 1e4) return `${trim(value / 1e3)}k`;
  return showNumber(value);
}
const trim = (value: number): string => String(Math.round(value * 100) / 100);
