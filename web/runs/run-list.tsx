/** A filtered, sorted list of runs with all that belongs to it: used for every run, and for those of one project. */
import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { showCount } from '../format/numbers.ts';
import { Empty, Loading } from '../parts/blank.tsx';
import { Problem } from '../parts/problem.tsx';
import type { RunState } from '../plane/wire.ts';
import { navigate, route } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { FilterBar } from './filter-bar.tsx';
import { watchQueue } from './queue.ts';
import { meets, planeQuery, readFilter, readOrder, sortRuns, toPattern } from './run-filter.ts';
import {
  isAllKnown,
  isFilling,
  LOADED_BY_ITSELF,
  listRevision,
  loadFiltered,
  loadOlder,
  runIds,
  runSignal,
  runTotal,
  storeProblem,
  watchRuns,
} from './run-store.ts';
import { RunTable } from './run-table.tsx';
import { SelectionBar } from './selection-bar.tsx';

/** @param project only its runs; null: of all projects */
export function RunList({ project }: { readonly project: string | null }) {
  useEffect(() => {
    const stops = [watchRuns(), watchQueue()];
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
  const filter = useComputed(() => {
    const ofUrl = readFilter(route.value.query);
    return project === null ? ofUrl : { ...ofUrl, project };
  });
  const order = useComputed(() => readOrder(route.value.query['sort']));
  /** Everything but the state: so that the counts say what each state would show. */
  const ofAnyState = useComputed(() => {
    void listRevision.value;
    const pattern = toPattern(filter.value.text);
    const wanted = { ...filter.value, states: [] };
    return runIds.value
      .map((id) => runSignal(id)?.peek())
      .filter((run) => run !== undefined)
      .filter((run) => meets(run, wanted, typeof pattern === 'string' ? null : pattern));
  });
  const counts = useComputed<ReadonlyMap<RunState, number>>(() => {
    const found = new Map<RunState, number>();
    for (const { state } of ofAnyState.value) found.set(state, (found.get(state) ?? 0) + 1);
    return found;
  });
  const ids = useComputed(() => {
    const { states } = filter.value;
    const shown = states.length === 0 ? ofAnyState.value : ofAnyState.value.filter(({ state }) => states.includes(state));
    return sortRuns(shown, order.value, Date.now()).map(({ id }) => id);
  });

  // What was not loaded by itself may hold what the plane's own filters ask for.
  const query = planeQuery(filter.value);
  const isPartial = !isAllKnown.value && (runTotal.value ?? 0) > LOADED_BY_ITSELF;
  useEffect(() => {
    if (isPartial && query !== '') void loadFiltered(query);
  }, [query, isPartial]);

  if (runTotal.value === null) return storeProblem.value ? <Problem problem={storeProblem.value} /> : <Loading what="runs" lines={14} />;
  return (
    <>
      <div class="list-head">
        <FilterBar filter={filter.value} counts={counts} hasProject={project === null} />
        <SelectionBar />
        <Problem problem={storeProblem.value} />
      </div>
      {ids.value.length === 0 ? (
        <NoRuns isFiltered={(runTotal.value ?? 0) > 0} />
      ) : (
        <RunTable ids={ids.value} order={order.value} label={project === null ? 'Runs' : 'Runs of this project'} />
      )}
      <Footer shown={ids.value.length} />
    </>
  );
}

function NoRuns({ isFiltered }: { readonly isFiltered: boolean }) {
  const { path } = route.value;
  return isFiltered ? (
    <Empty title="No run meets this filter">
      <p>
        <button type="button" onClick={() => navigate(path)}>
          Clear the filter
        </button>
      </p>
    </Empty>
  ) : (
    <Empty title="No runs yet">
      <p>Fine-tune the tiny model that comes with the plane: it takes half a minute and needs no download.</p>
      <p>
        <a class="button primary" href={routeText(['new'], { dataset: 'examples/alpaca.jsonl', steps: '300' })}>
          Start a run
        </a>
      </p>
    </Empty>
  );
}

function Footer({ shown }: { readonly shown: number }) {
  const loaded = runIds.value.length;
  const total = runTotal.value ?? 0;
  return (
    <p class="footer" role="status">
      {showCount(shown)} shown of {isAllKnown.value ? showCount(total) : `${showCount(loaded)} loaded, ${showCount(total)} in all`}
      {isFilling.value && ' · loading older ones …'}
      {!isAllKnown.value && !isFilling.value && (
        <button type="button" onClick={() => void loadOlder()}>
          Load {showCount(LOADED_BY_ITSELF)} more
        </button>
      )}
    </p>
  );
}
