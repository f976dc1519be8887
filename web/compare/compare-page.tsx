/** Runs side by side: what differs first, then the curves over each other, then what came of it. The URL says which. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { axisPlace } from '../charts/curve-axis.ts';
import { CurveControls, readView } from '../charts/curve-controls.tsx';
import { CurveWall } from '../charts/curve-wall.tsx';
import { Empty, Loading } from '../parts/blank.tsx';
import { Problem } from '../parts/problem.tsx';
import { route, setQuery } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { colourOf, dashesOf } from '../runs/run-colour.ts';
import { labelOf } from '../runs/run-facts.ts';
import { selected } from '../runs/selection.ts';
import { MAX_COMPARED } from '../runs/selection-bar.tsx';
import { shownTheme } from '../theme/theme.ts';
import { CompareTable } from './compare-table.tsx';
import { openCompared } from './compared-runs.ts';
import { compareMetrics, compareParameters } from './differences.ts';
import { RunLegend } from './run-legend.tsx';

export function ComparePage() {
  const ofUrl = (route.value.query['runs'] ?? '').split(',').filter((id) => id !== '');
  const ids = (ofUrl.length > 0 ? ofUrl : selected.value).slice(0, MAX_COMPARED);
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Compare</h1>
      </div>
      {ids.length < 2 ? (
        <Empty title="Choose two runs or more">
          <p>
            Tick them in the <a href={routeText(['runs'])}>list of runs</a>; what differs, their curves and their results are then shown
            side by side.
          </p>
        </Empty>
      ) : (
        <Comparison key={ids.join()} ids={ids} />
      )}
    </main>
  );
}

function Comparison({ ids }: { readonly ids: readonly string[] }) {
  const runs = useMemo(() => ids.map(openCompared), []);
  useEffect(
    () => () => {
      for (const run of runs) run.stop();
    },
    [runs],
  );
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const isOnlyDifferent = useSignal(true);
  const gone = runs.filter(({ isGone }) => isGone.value);
  const loaded = runs.flatMap((run) => (run.detail.value === null ? [] : [{ ...run, detail: run.detail.value }]));
  const problem = runs.find((run) => run.problem.value !== null)?.problem.value ?? null;
  if (loaded.length === 0) return problem ? <Problem problem={problem} /> : <Loading what="runs" />;

  const dashes = dashesOf(ids);
  const details = loaded.map(({ detail }) => detail);
  const parameters = compareParameters(details);
  const different = parameters.filter(({ differs }) => differs);
  const view = readView(route.value.query);
  const wall = loaded
    .filter(({ id, curves }) => !hidden.value.has(id) && curves.curves.value !== null)
    .map(({ id, detail, curves }) => {
      const known = curves.curves.value ?? new Map();
      return {
        id,
        label: labelOf(detail),
        colour: colourOf(id, shownTheme.value),
        dashes: dashes.get(id) ?? [],
        curves: known,
        place: axisPlace(view.axis, { axes: curves.axes.value, tokens: known.get('tokens') ?? [], attempts: detail.attempts }),
      };
    });
  const toggle = (id: string) => {
    const next = new Set(hidden.peek());
    if (!next.delete(id)) next.add(id);
    hidden.value = next;
  };
  const remove = (id: string) => setQuery({ runs: ids.filter((other) => other !== id).join(',') });
  const columns = loaded.map(({ id, detail }) => ({ id, name: labelOf(detail), colour: colourOf(id, shownTheme.value) }));

  return (
    <>
      <Problem problem={problem} />
      {gone.map(({ id }) => (
        <p key={id} class="muted">
          <code>{id}</code> is not there any more.
        </p>
      ))}
      <RunLegend details={details} dashes={dashes} hidden={hidden.value} onToggle={toggle} onRemove={remove} />
      <section aria-label="Parameters">
        <h2>
          {different.length === 0 ? 'Nothing differs in what they were told' : 'What differs'}
          <label class="toggle">
            <input
              type="checkbox"
              checked={!isOnlyDifferent.value}
              onChange={(event) => {
                isOnlyDifferent.value = !event.currentTarget.checked;
              }}
            />
            show what is the same too
          </label>
        </h2>
        {(different.length > 0 || !isOnlyDifferent.value) && (
          <CompareTable caption="Parameters" columns={columns} rows={isOnlyDifferent.value ? different : parameters} />
        )}
      </section>
      <section aria-label="Curves" class="curves">
        <h2>Curves</h2>
        <CurveControls
          view={view}
          names={[...new Set(wall.flatMap(({ curves }) => [...curves.keys()]))]}
          hasTimes={loaded.some(({ curves }) => curves.axes.value.timestamp.length > 0)}
          zoom={null}
          filter={route.value.query['metric'] ?? ''}
        />
        {wall.length > 0 && <CurveWall wall={wall} view={view} filter={route.value.query['metric'] ?? ''} marks={[]} onSelect={() => {}} />}
      </section>
      <section aria-label="Results">
        <h2>What came of it</h2>
        <CompareTable caption="Metrics" columns={columns} rows={compareMetrics(details)} areMetrics />
      </section>
    </>
  );
}
