/** How curves are drawn; it stands in the URL, so that a link shows what its sender saw. */
import { showCount } from '../format/numbers.ts';
import { setQuery } from '../route/route.ts';
import type { ChartView } from './chart.tsx';
import { AXIS_KINDS, AXIS_WORDS } from './curve-axis.ts';

const MOST_SMOOTHING = 0.99;

export function readView(query: Readonly<Record<string, string>>): ChartView {
  const smoothing = Number(query['smooth'] ?? 0);
  return {
    axis: AXIS_KINDS.find((kind) => kind === query['x']) ?? 'step',
    smoothing: Number.isFinite(smoothing) ? Math.min(Math.max(smoothing, 0), MOST_SMOOTHING) : 0,
    logX: query['logx'] === '1',
    logY: query['logy'] === '1',
  };
}

interface CurveControlsProps {
  readonly view: ChartView;
  /** of all metrics */
  readonly names: readonly string[];
  /** whether the run says when its steps were trained */
  readonly hasTimes: boolean;
  /** steps that are looked at more closely, and the way back; null where that cannot be done */
  readonly zoom: { readonly stretch: readonly [number, number] | null; readonly onWhole: () => void } | null;
  /** regular expression over metrics' names */
  readonly filter: string;
}

export function CurveControls({ view, names, hasTimes, zoom, filter }: CurveControlsProps) {
  const cannot: Readonly<Partial<Record<(typeof AXIS_KINDS)[number], boolean>>> = {
    tokens: !names.includes('tokens'),
    epoch: !hasTimes,
    relative: !hasTimes,
    wall: !hasTimes,
  };
  return (
    <fieldset class="curve-controls" aria-label="How curves are drawn">
      <label class="smoothing">
        <span>Smoothing</span>
        <input
          type="range"
          min="0"
          max={MOST_SMOOTHING}
          step="0.01"
          value={view.smoothing}
          onInput={(event) => setQuery({ smooth: event.currentTarget.value === '0' ? null : event.currentTarget.value })}
        />
        <output>{view.smoothing.toFixed(2)}</output>
      </label>
      <label class="choice">
        <span>Over</span>
        <select
          value={view.axis}
          onChange={(event) => setQuery({ x: event.currentTarget.value === 'step' ? null : event.currentTarget.value })}
        >
          {AXIS_KINDS.map((kind) => (
            <option key={kind} value={kind} disabled={cannot[kind] ?? false}>
              {AXIS_WORDS[kind]}
            </option>
          ))}
        </select>
      </label>
      <Toggle name="logx" label="log x" isOn={view.logX} />
      <Toggle name="logy" label="log y" isOn={view.logY} />
      <label class="choice">
        <span>Metric</span>
        <input
          type="search"
          class="metric-filter"
          placeholder="regular expression"
          value={filter}
          onInput={(event) => setQuery({ metric: event.currentTarget.value })}
        />
      </label>
      <span class="spring" />
      {zoom !== null && zoom.stretch === null && <span class="muted">draw over a chart to look more closely</span>}
      {zoom !== null && zoom.stretch !== null && (
        <button type="button" onClick={zoom.onWhole}>
          steps {showCount(zoom.stretch[0])} to {showCount(zoom.stretch[1])} · show all
        </button>
      )}
    </fieldset>
  );
}

function Toggle({ name, label, isOn }: { readonly name: string; readonly label: string; readonly isOn: boolean }) {
  return (
    <label class="toggle">
      <input type="checkbox" checked={isOn} onChange={(event) => setQuery({ [name]: event.currentTarget.checked ? '1' : null })} />
      {label}
    </label>
  );
}
