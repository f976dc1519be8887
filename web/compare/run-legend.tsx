import { StateBadge } from '../parts/state-badge.tsx';
import type { RunDetail } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';
import { colourOf } from '../runs/run-colour.ts';
import { nameOf } from '../runs/run-facts.ts';
import { shownTheme } from '../theme/theme.ts';

interface RunLegendProps {
  readonly details: readonly RunDetail[];
  readonly dashes: ReadonlyMap<string, readonly number[]>;
  /** whose curves are not drawn */
  readonly hidden: ReadonlySet<string>;
  readonly onToggle: (id: string) => void;
  readonly onRemove: (id: string) => void;
}

/** The runs that are compared, with the line that each is drawn with. */
export function RunLegend({ details, dashes, hidden, onToggle, onRemove }: RunLegendProps) {
  return (
    <ul class="legend" aria-label="Compared runs">
      {details.map((detail) => (
        <li key={detail.id}>
          <input
            type="checkbox"
            checked={!hidden.has(detail.id)}
            aria-label={`Draw ${nameOf(detail)}`}
            onChange={() => onToggle(detail.id)}
          />
          <svg class="line-sample" width="26" height="8" aria-hidden="true">
            <line
              x1="0"
              y1="4"
              x2="26"
              y2="4"
              stroke={colourOf(detail.id, shownTheme.value)}
              stroke-width="2.5"
              stroke-dasharray={(dashes.get(detail.id) ?? []).join(' ')}
            />
          </svg>
          <a href={routeText(['runs', detail.id])}>{nameOf(detail)}</a>
          <StateBadge state={detail.state} />
          <button
            type="button"
            class="plain"
            aria-label={`Take ${nameOf(detail)} out of the comparison`}
            onClick={() => onRemove(detail.id)}
          >
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}
