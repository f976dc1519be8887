// biome-ignore-all lint/a11y/useSemanticElements: see run-table.tsx
// biome-ignore-all lint/a11y/useFocusableInteractive: see run-table.tsx
import type { Signal } from '@preact/signals';
import type { RunSummary } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';
import { shownTheme } from '../theme/theme.ts';
import { COLUMNS } from './columns.tsx';
import { colourOf } from './run-colour.ts';
import { labelOf, shortId } from './run-facts.ts';
import { selected, toggleSelected } from './selection.ts';

interface RunRowProps {
  readonly run: Signal<RunSummary>;
  /** from 0, of all that meet the filter */
  readonly index: number;
  readonly top: number;
  /** Tab leads here; the arrow keys lead on */
  readonly isTabbed: boolean;
}

/** Reads the signal of its own run: a report of that run draws this row, and no other. */
export function RunRow({ run, index, top, isTabbed }: RunRowProps) {
  const value = run.value;
  const isSelected = selected.value.includes(value.id);
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      data-run={value.id}
      class={isTabbed ? 'row current' : 'row'}
      style={{ top: `${top}px` }}
      tabIndex={isTabbed ? 0 : -1}
    >
      <span role="gridcell" class="tick">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isSelected}
          aria-label={`Select ${value.name ?? value.id}`}
          onChange={() => toggleSelected(value.id)}
        />
      </span>
      <span role="gridcell" class="run-name">
        <span class="swatch" style={{ background: colourOf(value.id, shownTheme.value) }} aria-hidden="true" />
        <a href={routeText(['runs', value.id])} tabIndex={-1} title={value.id}>
          {labelOf(value)}
        </a>
        {value.name !== null && <span class="muted id">{shortId(value.id)}</span>}
      </span>
      {COLUMNS.map(({ title, isNumber, cell }) => (
        <span key={title} role="gridcell" class={isNumber ? 'number' : ''}>
          {cell(value)}
        </span>
      ))}
    </div>
  );
}
