import { showNumber } from '../format/numbers.ts';
import { showValue } from '../format/values.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { bestPlaces, type ComparedRow } from './differences.ts';

interface CompareTableProps {
  readonly caption: string;
  readonly columns: readonly { readonly id: string; readonly name: string; readonly colour: string }[];
  readonly rows: readonly ComparedRow[];
  /** numbers are rounded, and the best of each row is marked */
  readonly areMetrics?: boolean;
}

export function CompareTable({ caption, columns, rows, areMetrics = false }: CompareTableProps) {
  return (
    <ScrollBox class="compare-table" label={`${caption} of each run`}>
      <table class="plain-table">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{areMetrics ? 'Metric' : 'Parameter'}</th>
            {columns.map(({ id, name, colour }) => (
              <th key={id} scope="col" class="number">
                <span class="swatch" style={{ background: colour }} aria-hidden="true" /> {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, values, differs }) => {
            const best = areMetrics ? bestPlaces(name, values) : [];
            return (
              <tr key={name} class={differs ? 'differs' : ''}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                {values.map((value, index) => (
                  <td key={columns[index]?.id} class={best.includes(index) ? 'number best-value' : 'number'}>
                    {areMetrics && typeof value === 'number' ? showNumber(value) : showValue(value)}
                    {best.includes(index) && <span class="unseen"> best</span>}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollBox>
  );
}
