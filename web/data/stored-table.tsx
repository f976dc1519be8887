import { minute } from '../format/now.ts';
import { showBytes, showCount } from '../format/numbers.ts';
import { showAgo, showMoment } from '../format/times.ts';
import { routeText } from '../route/route-text.ts';

interface StoredRow {
  readonly id: string;
  readonly rows: number | null;
  readonly format: string | null;
  readonly size_bytes: number | null;
  readonly sha256: string | null;
  readonly stored_at: string;
}

interface StoredTableProps {
  readonly caption: string;
  /** `['data', 'sessions']`: an id behind it opens one */
  readonly path: readonly string[];
  readonly chosen: string | null;
  readonly items: readonly StoredRow[];
}

/** Stored rows by name, the same for data sets, sessions and trajectories. */
export function StoredTable({ caption, path, chosen, items }: StoredTableProps) {
  return (
    <table class="plain-table">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Rows
          </th>
          <th scope="col">Format</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">SHA-256</th>
          <th scope="col">Stored</th>
        </tr>
      </thead>
      <tbody>
        {items.map(({ id, rows, format, size_bytes, sha256, stored_at }) => (
          <tr key={id} class={id === chosen ? 'current' : ''}>
            <th scope="row">
              <a href={routeText([...path, id])} aria-current={id === chosen ? 'true' : undefined}>
                {id}
              </a>
            </th>
            <td class="number">{showCount(rows)}</td>
            <td>{format ?? '–'}</td>
            <td class="number">{showBytes(size_bytes)}</td>
            <td>{sha256 === null ? '–' : <code title={sha256}>{sha256.slice(0, 12)}…</code>}</td>
            <td>
              <time title={showMoment(stored_at)}>{showAgo(stored_at, minute.value)}</time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
