/** The columns of a list of runs. Each cell reads only the run it is of; words like "4 min ago" read the slow clock. */
import type { ComponentChildren } from 'preact';
import { minute, second } from '../format/now.ts';
import { showCount, showNumber, showPercent } from '../format/numbers.ts';
import { showAgo, showDuration, showMoment } from '../format/times.ts';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import type { RunSummary } from '../plane/wire.ts';
import { costOf, prices, showDollars } from './prices.ts';
import { queuePlaces } from './queue.ts';
import { isFinal, machineSeconds, metricOf, reasonOf } from './run-facts.ts';
import type { Sort } from './run-filter.ts';

interface Column {
  readonly title: string;
  readonly sort?: Sort;
  readonly isNumber?: boolean;
  /** a track of the grid */
  readonly width: string;
  readonly cell: (run: RunSummary) => ComponentChildren;
}

const metricCell = (name: string) => (run: RunSummary) => showNumber(metricOf(run, name));

export const COLUMNS: readonly Column[] = [
  {
    title: 'State',
    sort: 'state',
    width: '112px',
    cell: (run) => <StateBadge state={run.state} detail={reasonOf(run)} />,
  },
  { title: 'Progress', sort: 'progress', width: 'minmax(190px, 1fr)', cell: (run) => <ProgressCell run={run} /> },
  { title: 'ETA', isNumber: true, width: '84px', cell: (run) => <EtaCell run={run} /> },
  { title: 'Loss', sort: 'loss', isNumber: true, width: '84px', cell: metricCell('loss') },
  { title: 'Eval loss', sort: 'eval_loss', isNumber: true, width: '84px', cell: metricCell('eval_loss') },
  { title: 'Base', width: 'minmax(100px, 0.8fr)', cell: ({ base_model }) => <span title={base_model}>{base_model}</span> },
  { title: 'Dataset', width: 'minmax(110px, 0.9fr)', cell: ({ dataset }) => <span title={dataset}>{dataset}</span> },
  { title: 'API', width: '112px', cell: ({ api }) => api },
  {
    title: 'Created',
    sort: 'created',
    isNumber: true,
    width: '96px',
    cell: ({ created_at }) => <time title={showMoment(created_at)}>{showAgo(created_at, minute.value)}</time>,
  },
  { title: 'Machine time', sort: 'machine', isNumber: true, width: '112px', cell: (run) => <MachineCell run={run} /> },
  { title: 'Cost', isNumber: true, width: '70px', cell: (run) => <CostCell run={run} /> },
];

function ProgressCell({ run }: { readonly run: RunSummary }) {
  const { progress, state } = run;
  const place = queuePlaces.value.get(run.id);
  if (state === 'queued' && place !== undefined) return <span class="muted">{`place ${showCount(place)} in the line`}</span>;
  if (progress === null) return <span class="muted">{isFinal(run) ? 'never started' : (run.waiting?.sentence ?? 'not started')}</span>;
  const steps = progress.steps === null ? showCount(progress.step) : `${showCount(progress.step)} / ${showCount(progress.steps)}`;
  return (
    <span class="progress-cell">
      <ProgressBar fraction={progress.fraction} label={`Progress of ${run.name ?? run.id}`} />
      <span title={`step ${steps}, ${showPercent(progress.fraction)}`}>
        {progress.phase === 'training' || isFinal(run) ? steps : progress.phase}
      </span>
    </span>
  );
}

const EtaCell = ({ run }: { readonly run: RunSummary }) => <>{isFinal(run) ? '–' : showDuration(run.progress?.eta_seconds)}</>;

const now = (run: RunSummary): number => (run.attempt_since === null ? 0 : second.value);
const MachineCell = ({ run }: { readonly run: RunSummary }) => <>{showDuration(machineSeconds(run, now(run)))}</>;
const CostCell = ({ run }: { readonly run: RunSummary }) => (
  <span title={prices.value[run.provider] === undefined ? `no price is known for ${run.provider}: set one under Machines` : undefined}>
    {showDollars(costOf(run.provider, machineSeconds(run, now(run)), prices.value))}
  </span>
);
