/** All charts of one or several runs, a group under another. */
import { useId } from 'preact/hooks';
import { toPattern } from '../runs/run-filter.ts';
import { Chart, type ChartView } from './chart.tsx';
import type { AxisPlace } from './curve-axis.ts';
import type { Curves } from './curve-store.ts';
import { groupMetrics } from './metric-groups.ts';
import type { PlotMark } from './plot.ts';

export interface WallCurve {
  readonly id: string;
  readonly label: string;
  readonly colour: string;
  readonly dashes: readonly number[];
  readonly curves: Curves;
  readonly place: AxisPlace;
}

interface CurveWallProps {
  readonly wall: readonly WallCurve[];
  readonly view: ChartView;
  /** regular expression over metrics' names */
  readonly filter: string;
  readonly marks: readonly PlotMark[];
  readonly onSelect: (from: number, to: number) => void;
}

export function CurveWall({ wall, view, filter, marks, onSelect }: CurveWallProps) {
  const syncKey = useId();
  const pattern = toPattern(filter);
  const names = [...new Set(wall.flatMap(({ curves }) => [...curves.keys()]))].filter(
    (name) => !(pattern instanceof RegExp) || pattern.test(name),
  );
  if (typeof pattern === 'string') {
    return (
      <p class="fault" role="alert">
        {pattern}
      </p>
    );
  }
  if (names.length === 0) return <p class="muted">No metric meets this filter.</p>;
  return (
    <>
      {groupMetrics(names).map(([group, members]) => (
        <section key={group} class="chart-group" aria-label={`Charts of ${group}`}>
          <h3>{group}</h3>
          <div class="charts">
            {members.map((name) => (
              <Chart
                key={name}
                name={name}
                view={view}
                marks={marks}
                syncKey={syncKey}
                onSelect={onSelect}
                lines={wall
                  .filter(({ curves }) => curves.has(name))
                  .map(({ curves, ...line }) => ({ ...line, points: curves.get(name) ?? [] }))}
              />
            ))}
          </div>
        </section>
      ))}
    </>
  );
}
