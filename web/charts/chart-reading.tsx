/** The values under the cursor; without one, what the curve comes to. */
import { showCount, showNumber } from '../format/numbers.ts';
import type { ChartLine } from './chart.tsx';
import type { AxisKind } from './curve-axis.ts';
import { factsOf } from './curve-data.ts';
import { placeWord } from './plot.ts';
import { COLUMNS_A_LINE, type PlotColumns } from './plot-data.ts';

interface ChartReadingProps {
  readonly lines: readonly ChartLine[];
  readonly columns: PlotColumns;
  readonly row: number | null;
  readonly axis: AxisKind;
  readonly isSmoothed: boolean;
}

const MOST_LINES = 6;

export function ChartReading({ lines, columns, row, axis, isSmoothed }: ChartReadingProps) {
  if (row === null) return <Resting lines={lines} />;
  const values = lines
    .map((line, index) => ({ line, ...valuesAt(columns, row, index) }))
    .filter(({ mean }) => mean !== null)
    .sort((a, b) => (b.mean ?? 0) - (a.mean ?? 0));
  return (
    <p class="reading" aria-hidden="true">
      <span class="muted">
        {axis === 'step' ? 'step ' : ''}
        {placeWord(axis, columns[0]?.[row] ?? null)}
        {axis === 'epoch' ? ' epochs' : axis === 'tokens' ? ' tokens' : ''}
      </span>
      {values.slice(0, MOST_LINES).map(({ line, mean, min, max, smoothed }) => (
        <span key={line.id} class="reading-value">
          <span class="swatch" style={{ background: line.colour }} />
          {lines.length > 1 && <span class="muted">{line.label}</span>} {showNumber(isSmoothed ? smoothed : mean)}
          {isSmoothed && <span class="muted"> raw {showNumber(mean)}</span>}
          {min !== max && <span class="muted">{` (${showNumber(min)} to ${showNumber(max)})`}</span>}
        </span>
      ))}
      {values.length > MOST_LINES && <span class="muted">and {values.length - MOST_LINES} more</span>}
    </p>
  );
}

function valuesAt(columns: PlotColumns, row: number, line: number) {
  const at = (offset: number) => columns[line * COLUMNS_A_LINE + offset]?.[row] ?? null;
  return { mean: at(1), min: at(2), max: at(3), smoothed: at(4) };
}

function Resting({ lines }: { readonly lines: readonly ChartLine[] }) {
  const [only] = lines;
  if (lines.length !== 1 || !only) {
    return (
      <p class="reading">
        {lines.slice(0, MOST_LINES).map(({ id, label, colour, points }) => (
          <span key={id} class="reading-value">
            <span class="swatch" style={{ background: colour }} />
            <span class="muted">{label}</span> {showNumber(points.at(-1)?.last)}
          </span>
        ))}
        {lines.length > MOST_LINES && <span class="muted">and {lines.length - MOST_LINES} more</span>}
      </p>
    );
  }
  const facts = factsOf(only.points);
  if (facts === null) return <p class="reading muted">no values yet</p>;
  return (
    <p class="reading">
      <span class="reading-value">{showNumber(facts.last.last)}</span>
      <span class="muted">{`at step ${showCount(facts.last.to_step)} · least ${showNumber(facts.least.min)} · greatest ${showNumber(facts.greatest.max)}`}</span>
    </p>
  );
}

/** The whole chart in sentences, for who does not see it. */
export function chartSummary(name: string, lines: readonly ChartLine[]): string {
  const sentences = lines.map(({ label, points }) => {
    const facts = factsOf(points);
    const whose = lines.length > 1 ? `${name} of ${label}` : name;
    if (facts === null) return `${whose} has no values yet.`;
    return `${whose} goes from ${showNumber(facts.first.mean)} at step ${showCount(facts.first.from_step)} to ${showNumber(facts.last.last)} at step ${showCount(facts.last.to_step)}; least ${showNumber(facts.least.min)} near step ${showCount(facts.least.to_step)}, greatest ${showNumber(facts.greatest.max)} near step ${showCount(facts.greatest.to_step)}.`;
  });
  return sentences.join(' ');
}
