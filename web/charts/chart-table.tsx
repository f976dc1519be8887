import { showCount, showNumber } from '../format/numbers.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { ChartLine } from './chart.tsx';
import { AXIS_WORDS, type AxisKind } from './curve-axis.ts';
import { placeWord } from './plot.ts';

interface ChartTableProps {
  readonly name: string;
  readonly lines: readonly ChartLine[];
  readonly axis: AxisKind;
}

/** Every point that the chart draws. Many values of one row are neighbours that the plane made into one point. */
export function ChartTable({ name, lines, axis }: ChartTableProps) {
  return (
    <ScrollBox class="chart-table" label={`Values of ${name}`}>
      <table>
        <thead>
          <tr>
            {lines.length > 1 && <th scope="col">Run</th>}
            <th scope="col">Steps</th>
            {axis !== 'step' && <th scope="col">{AXIS_WORDS[axis]}</th>}
            <th scope="col">Mean</th>
            <th scope="col">Least</th>
            <th scope="col">Greatest</th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {lines.flatMap((line) =>
            line.points.map((point) => (
              <tr key={`${line.id} ${point.from_step}`}>
                {lines.length > 1 && <td>{line.label}</td>}
                <td class="number">
                  {point.from_step === point.to_step
                    ? showCount(point.to_step)
                    : `${showCount(point.from_step)} to ${showCount(point.to_step)}`}
                </td>
                {axis !== 'step' && <td class="number">{placeWord(axis, line.place(point.to_step))}</td>}
                <td class="number">{showNumber(point.mean)}</td>
                <td class="number">{showNumber(point.min)}</td>
                <td class="number">{showNumber(point.max)}</td>
                <td class="number">{showNumber(point.last)}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </ScrollBox>
  );
}
