/** Rows of a data set as a table: a column for each field that any of them has. */

import { showValue } from '../format/values.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';

export function RowsTable({ rows }: { readonly rows: readonly unknown[] }) {
  const records = rows.map((row): Record<string, unknown> => (typeof row === 'object' && row !== null ? { ...row } : { row }));
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  if (names.length === 0) return <p class="muted">No row can be shown.</p>;
  return (
    <ScrollBox class="rows" label="Rows">
      <table class="plain-table">
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name} scope="col">
                <code>{name}</code>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record, index) => (
            <tr key={index}>
              {names.map((name) => (
                <td key={name} class="answer">
                  {record[name] === undefined ? '' : showCell(record[name])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

/** A conversation is read as one. */
function showCell(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null && 'role' in item && 'content' in item))
    return value.map(({ role, content }: { role: unknown; content: unknown }) => `${String(role)}: ${String(content)}`).join('\n');
  return showValue(value);
}
