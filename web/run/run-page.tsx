/** One run: what it is and what to do about it on top, then its parts. What is live stays open while one goes from part to part. */
import { useComputed } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { LazyCharts } from '../charts/lazy-charts.ts';
import { Empty, Loading } from '../parts/blank.tsx';
import { lazy } from '../parts/lazy.tsx';
import { Problem } from '../parts/problem.tsx';
import { PlaneError } from '../plane/ask.ts';
import type { RunDetail } from '../plane/wire.ts';
import { route } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { watchQueue } from '../runs/queue.ts';
import { toStretches } from './lifecycle.ts';
import { LifecycleStrip } from './lifecycle-strip.tsx';
import { type LiveRun, openRun } from './live-run.ts';
import { watchPhases } from './phase-marks.ts';
import { RunHeader } from './run-header.tsx';
import { RunTroubles } from './run-troubles.tsx';

const PARTS = ['curves', 'log', 'checkpoints', 'samples', 'files', 'parameters', 'events'] as const;
const LazyPart = lazy(async () => (await import('./run-parts.tsx')).RunPart);

export interface PartProps {
  readonly run: LiveRun;
  readonly detail: RunDetail;
}

export function RunPage({ id }: { readonly id: string }) {
  const { run, phases } = useMemo(() => {
    const opened = openRun(id);
    return { run: opened, phases: watchPhases(opened) };
  }, [id]);
  useEffect(() => {
    const stopQueue = watchQueue();
    return () => {
      run.stop();
      phases.stop();
      stopQueue();
    };
  }, [run]);
  const stretches = useComputed(() => toStretches(run.events.value, phases.marks.value));
  const detail = run.detail.value;
  const problem = run.problem.value;

  if (problem instanceof PlaneError && problem.status === 404) {
    return (
      <main class="page" id="main" tabIndex={-1}>
        <Empty title="There is no such run" isPage>
          <p>
            <code>{id}</code> was deleted, or never was. <a href={routeText(['runs'])}>To the runs</a>
          </p>
        </Empty>
      </main>
    );
  }
  const name = PARTS.find((part) => part === route.value.path[2]) ?? 'curves';
  return (
    <main class="page filling" id="main" tabIndex={-1}>
      {detail === null ? (
        <>
          <h1 class="unseen">{id}</h1>
          {problem ? <Problem problem={problem} /> : <Loading what="the run" />}
        </>
      ) : (
        <>
          <RunHeader run={run} detail={detail} />
          <RunTroubles detail={detail} />
          <Problem problem={problem} />
          <LifecycleStrip stretches={stretches.value} />
          <nav class="parts" aria-label="Parts of this run">
            {PARTS.map((part, index) => (
              <a
                key={part}
                href={routeText(part === 'curves' ? ['runs', id] : ['runs', id, part])}
                aria-current={part === name ? 'page' : undefined}
                data-shortcut={String(index + 1)}
              >
                {part[0]?.toUpperCase()}
                {part.slice(1)}
              </a>
            ))}
          </nav>
          <h2 class="unseen">{name}</h2>
          {name === 'curves' ? <LazyCharts run={run} detail={detail} /> : <LazyPart name={name} run={run} detail={detail} />}
        </>
      )}
    </main>
  );
}
