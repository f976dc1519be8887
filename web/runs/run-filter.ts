/** Which runs a list shows, and in what order. Pure: the URL holds it, the table obeys it. */
import type { RunState, RunSummary } from '../plane/wire.ts';
import { machineSeconds, metricOf, nameOf } from './run-facts.ts';

export interface RunFilter {
  /** a regular expression over name, id, base and dataset, in any case */
  readonly text: string;
  readonly states: readonly RunState[];
  readonly provider: string;
  readonly project: string;
  readonly api: string;
}

export const RUN_STATES: readonly RunState[] = [
  'created',
  'queued',
  'initializing',
  'running',
  'paused',
  'stopping',
  'completed',
  'failed',
  'stopped',
];

export function readFilter(query: Readonly<Record<string, string>>): RunFilter {
  return {
    text: query['q'] ?? '',
    states: (query['state'] ?? '').split(',').filter((state): state is RunState => RUN_STATES.some((known) => known === state)),
    provider: query['provider'] ?? '',
    project: query['project'] ?? '',
    api: query['api'] ?? '',
  };
}

/** What the plane itself can filter by, as its query. The regular expression is the page's alone. */
export function planeQuery({ states, provider, project, api }: RunFilter): string {
  const query = new URLSearchParams();
  if (states.length > 0) query.set('state', states.join(','));
  if (provider) query.set('provider', provider);
  if (project) query.set('project', project);
  if (api) query.set('api', api);
  return query.toString();
}

/** @returns the pattern, or why it is none */
export function toPattern(text: string): RegExp | string | null {
  if (text === '') return null;
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : 'not a regular expression';
  }
}

/** @param pattern null: every run */
export function meets(run: RunSummary, { states, provider, project, api }: RunFilter, pattern: RegExp | null): boolean {
  return (
    (states.length === 0 || states.includes(run.state)) &&
    (provider === '' || run.provider === provider) &&
    (project === '' || run.project_id === project) &&
    (api === '' || run.api === api) &&
    (pattern === null || pattern.test(`${run.name ?? ''} ${run.id} ${run.base_model} ${run.dataset}`))
  );
}

export const SORTS = ['created', 'name', 'state', 'progress', 'loss', 'eval_loss', 'machine'] as const;
export type Sort = (typeof SORTS)[number];
export interface Order {
  readonly by: Sort;
  readonly isDescending: boolean;
}

export function readOrder(text: string | undefined): Order {
  const by = SORTS.find((sort) => sort === text?.replace(/^-/, ''));
  return by === undefined ? { by: 'created', isDescending: true } : { by, isDescending: text?.startsWith('-') ?? false };
}
export const orderText = ({ by, isDescending }: Order): string => `${isDescending ? '-' : ''}${by}`;

const VALUES: Readonly<Record<Sort, (run: RunSummary, now: number) => string | number | null>> = {
  created: ({ id }) => id,
  name: nameOf,
  state: ({ state }) => RUN_STATES.indexOf(state),
  progress: ({ progress }) => progress?.fraction ?? null,
  loss: (run) => metricOf(run, 'loss'),
  eval_loss: (run) => metricOf(run, 'eval_loss'),
  machine: machineSeconds,
};

/** Runs without a value are last, whichever way; equals stay newest first. */
export function sortRuns(runs: readonly RunSummary[], { by, isDescending }: Order, now: number): RunSummary[] {
  const keyed = runs.map((run) => ({ run, key: VALUES[by](run, now) }));
  const direction = isDescending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return a.key === b.key ? 0 : a.key === null ? 1 : -1;
    return a.key < b.key ? -direction : a.key > b.key ? direction : 0;
  });
  return keyed.map(({ run }) => run);
}
