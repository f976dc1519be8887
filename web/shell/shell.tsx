/** The page around every place: the bar on top, what everybody must know, the place itself, and what was just done. */
import { useEffect, useRef } from 'preact/hooks';
import { LazyCharts } from '../charts/lazy-charts.ts';
import { Empty } from '../parts/blank.tsx';
import { lazy } from '../parts/lazy.tsx';
import { Notices } from '../parts/notices.tsx';
import { OpenDialog } from '../parts/open-dialog.tsx';
import { route } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { DownBanner } from './down-banner.tsx';
import { TokenDialog } from './token-dialog.tsx';
import { TopBar } from './top-bar.tsx';

export interface PlaceProps {
  /** the first word of the route: `runs`, `data` */
  readonly place: string;
  /** the second; empty where there is none */
  readonly id: string;
}

const LazyRuns = lazy(async () => (await import('../runs/runs-page.tsx')).RunsPage);
const LazyRun = lazy(async () => (await import('../run/run-page.tsx')).RunPage);
const LazyForms = lazy(async () => (await import('./form-places.tsx')).FormPlace);

export function Shell() {
  const [place = 'runs', id = ''] = route.value.path;
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${id === '' ? titleOf(place) : id} · Tuneplane`;
    if (!isFirst.current) document.getElementById('main')?.focus({ preventScroll: true }); // who reads by ear is told that the place changed
    isFirst.current = false;
  }, [place, id]);
  return (
    <>
      <TopBar />
      <DownBanner />
      <Place place={place} id={id} />
      <Notices />
      <OpenDialog />
      <TokenDialog />
    </>
  );
}

const titleOf = (place: string): string => (place === 'new' ? 'Start a run' : `${place[0]?.toUpperCase() ?? ''}${place.slice(1)}`);

function Place({ place, id }: PlaceProps) {
  switch (place) {
    case 'runs':
      return id === '' ? <LazyRuns /> : <LazyRun key={id} id={id} />;
    case 'compare':
      return <LazyCharts run={null} />;
    case 'new':
    case 'data':
    case 'projects':
    case 'machines':
      return <LazyForms place={place} id={id} />;
    default:
      return <NoPlace />;
  }
}

const NoPlace = () => (
  <main class="page" id="main" tabIndex={-1}>
    <Empty title="There is no such place" isPage>
      <p>
        <a href={routeText(['runs'])}>To the runs</a>
      </p>
    </Empty>
  </main>
);
