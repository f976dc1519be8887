// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed one by one, and of which few are drawn, cannot be a <table>; their roles are said instead
// biome-ignore-all lint/a11y/useFocusableInteractive: the rows take the focus, one at a time (WAI-ARIA, grid pattern); their cells do not
/** The list of runs: thousands of rows, of which only those in sight are drawn. Arrow keys walk it, Space ticks, Enter opens. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useVirtualRows } from '../parts/virtual-rows.ts';
import { navigate, setQuery } from '../route/route.ts';
import { COLUMNS } from './columns.tsx';
import { type Order, orderText, type Sort } from './run-filter.ts';
import { RunRow } from './run-row.tsx';
import { runSignal } from './run-store.ts';
import { toggleSelected } from './selection.ts';

const ROW_HEIGHT = 30;
const TEMPLATE = `30px minmax(170px, 1.4fr) ${COLUMNS.map(({ width }) => width).join(' ')}`;

interface RunTableProps {
  readonly ids: readonly string[];
  readonly order: Order;
  readonly label: string;
}

export function RunTable({ ids, order, label }: RunTableProps) {
  const { container, range, reveal } = useVirtualRows(ids.length, ROW_HEIGHT, ROW_HEIGHT);
  const current = useSignal(0);
  const [first, last] = range.value;
  const at = Math.min(current.value, Math.max(0, ids.length - 1));
  /** Tab leads to the current row; where that is out of sight, to the first one drawn. */
  const tabbed = at >= first && at < last ? at : first;
  const rowAt = useRowNodes();

  const walk = (row: number) => {
    current.value = Math.max(0, Math.min(ids.length - 1, row));
    reveal(current.value);
    requestAnimationFrame(() => container.current?.querySelector<HTMLElement>('.row.current')?.focus({ preventScroll: true }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLElement) || event.target.getAttribute('role') !== 'row') return;
    const id = ids[at];
    const page = Math.max(1, Math.floor((container.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const moves: Record<string, number> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -ids.length,
      End: ids.length,
    };
    const move = moves[event.key];
    if (move !== undefined) walk(at + move);
    else if ((event.key === ' ' || event.key === 'x') && id !== undefined) toggleSelected(id);
    else if (event.key === 'Enter' && id !== undefined) navigate(['runs', id]);
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    current.value = Math.min(current.peek(), Math.max(0, ids.length - 1));
  }, [ids.length]);

  return (
    <div
      ref={container}
      class="run-table"
      role="grid"
      aria-label={label}
      aria-rowcount={ids.length + 1}
      aria-multiselectable="true"
      style={{ '--columns': TEMPLATE }}
      onKeyDown={onKeyDown}
      onFocusIn={({ target }) => {
        const row = target instanceof HTMLElement ? target.closest('.body .row') : null;
        if (row) current.value = Number(row.getAttribute('aria-rowindex')) - 2;
      }}
    >
      <div role="rowgroup" class="head">
        <div role="row" aria-rowindex={1} class="row">
          <span role="columnheader" class="tick">
            <span class="unseen">Selected</span>
          </span>
          <Head title="Name" sort="name" order={order} />
          {COLUMNS.map((column) => (
            <Head key={column.title} {...column} order={order} />
          ))}
        </div>
      </div>
      <div role="rowgroup" class="body" style={{ height: `${ids.length * ROW_HEIGHT}px` }}>
        {rowAt(ids.slice(first, last).map((id, offset) => ({ id, index: first + offset, isTabbed: first + offset === tabbed })))}
      </div>
    </div>
  );
}

interface PlacedRow {
  readonly id: string;
  readonly index: number;
  readonly isTabbed: boolean;
}

/** The rows as nodes. One that stands where it stood is the node that it was, and Preact passes it over: scrolling draws what comes into sight. */
function useRowNodes(): (rows: readonly PlacedRow[]) => ComponentChildren {
  const known = useRef(new Map<string, PlacedRow & { readonly node: VNode }>());
  return (rows) => {
    const next = new Map<string, PlacedRow & { readonly node: VNode }>();
    for (const row of rows) {
      const before = known.current.get(row.id);
      const run = runSignal(row.id);
      if (before && before.index === row.index && before.isTabbed === row.isTabbed) next.set(row.id, before);
      else if (run)
        next.set(row.id, {
          ...row,
          node: <RunRow key={row.id} run={run} index={row.index} top={row.index * ROW_HEIGHT} isTabbed={row.isTabbed} />,
        });
    }
    known.current = next;
    return [...next.values()].map(({ node }) => node);
  };
}

interface HeadProps {
  readonly title: string;
  readonly sort?: Sort | undefined;
  readonly isNumber?: boolean | undefined;
  readonly order: Order;
}

function Head({ title, sort, isNumber = false, order }: HeadProps) {
  const isSorted = sort !== undefined && sort === order.by;
  const direction = order.isDescending ? 'descending' : 'ascending';
  const turn = () => {
    if (sort === undefined) return;
    const next = isSorted ? { by: sort, isDescending: !order.isDescending } : { by: sort, isDescending: sort === 'created' };
    setQuery({ sort: orderText(next) });
  };
  return (
    <span role="columnheader" class={isNumber ? 'number' : ''} aria-sort={isSorted ? direction : undefined}>
      {sort === undefined ? (
        title
      ) : (
        <button type="button" class="plain" onClick={turn}>
          {title}
          {isSorted && <span aria-hidden="true">{order.isDescending ? ' ↓' : ' ↑'}</span>}
        </button>
      )}
    </span>
  );
}
