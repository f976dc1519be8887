/**
 * A run's curves. The trainer keeps an overview of at most 1,024 buckets a series, over all attempts: one file, whatever the length of
 * the run. Only where a part of it is asked for more finely than that, the rows themselves are read.
 */
import { type Bucket, countPoints, reduceBuckets, toBucket, within } from '#domain/curve.ts';
import type { RunView } from '#domain/run.ts';
import { type Overview, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, parseOverview } from './advance/run-folder-files.ts';
import { getRun } from './get-run.ts';
import { MAX_METRIC_CHUNKS, readMetricRows } from './read-metric-rows.ts';

export interface Curve {
  readonly name: string;
  readonly points: Bucket[];
  /** how many values the range holds; of buckets that reach out of it, all */
  readonly total: number;
}

/** What was reached at a step: neighbours may be joined by straight lines. */
export interface AxisPoint {
  readonly step: number;
  readonly value: number;
}

export interface Curves {
  /** every series of the run */
  readonly names: string[];
  readonly curves: Curve[];
  /** ascending by step; `timestamp` in seconds since 1970. Empty for runs of a trainer that kept none. */
  readonly axes: Readonly<Record<(typeof AXES)[number], AxisPoint[]>>;
}

/** The overview's series that are no metrics, but say when a step was trained. No metric can have these names: they are the row's own fields. */
const AXES = ['epoch', 'timestamp'] as const;

export interface CurveQuery {
  /** null: all */
  readonly names: readonly string[] | null;
  readonly fromStep: number;
  readonly toStep: number;
  /** at most so many a curve, 1 to 1,024 */
  readonly points: number;
}

/** @throws DomainError `run_not_found` */
export async function readMetrics(ports: Ports, runId: string, query: CurveQuery): Promise<Curves> {
  const view = await getRun(ports, runId);
  const overview = parseOverview(await ports.artifacts.get(inFolder(view.run, runFolderKeys.overview(runId))));
  const series = overview?.series ?? {};
  const names = Object.keys(series)
    .filter((name) => !AXES.some((axis) => axis === name))
    .sort();
  const wanted = query.names === null ? names : names.filter((name) => query.names?.includes(name));
  const coarse = new Map(wanted.map((name) => [name, within(series[name] ?? [], query.fromStep, query.toStep)]));
  const fine = isTooCoarse(coarse, query.points) ? await readFine(ports, view, wanted, query) : null;
  return {
    names,
    curves: wanted.map((name) => {
      const buckets = fine?.get(name) ?? coarse.get(name) ?? [];
      return { name, points: reduceBuckets(buckets, query.points), total: countPoints(buckets) };
    }),
    axes: { epoch: toAxis(series['epoch'], query), timestamp: toAxis(series['timestamp'], query) },
  };
}

/** Both ends of each bucket: along the steps neither epochs nor times go back, so least and last are first and last. */
const toAxis = (buckets: readonly Bucket[] | undefined, { fromStep, toStep, points }: CurveQuery): AxisPoint[] =>
  reduceBuckets(within(buckets ?? [], fromStep, toStep), points).flatMap(({ fromStep: from, toStep: to, min, last }) =>
    from === to
      ? [{ step: to, value: last }]
      : [
          { step: from, value: min },
          { step: to, value: last },
        ],
  );

/** Some series has fewer buckets there than points are asked for, though it has the values; and reading them is cheap. */
function isTooCoarse(coarse: ReadonlyMap<string, Overview['series'][string]>, points: number): boolean {
  const curves = [...coarse.values()];
  const rows = Math.max(0, ...curves.map(countPoints));
  return curves.some((buckets) => buckets.length < Math.min(points, countPoints(buckets))) && rows <= MAX_METRIC_CHUNKS * 1_000;
}

async function readFine(
  ports: Ports,
  view: RunView,
  names: readonly string[],
  { fromStep, toStep }: CurveQuery,
): Promise<Map<string, Bucket[]> | null> {
  const rows = await readMetricRows(ports, view, fromStep, toStep);
  return rows && new Map(names.map((name) => [name, rows.flatMap((row) => toBuckets(row, name))]));
}

function toBuckets(row: Readonly<Record<string, unknown>> & { readonly step: number }, name: string): Bucket[] {
  const value = row[name];
  return typeof value === 'number' ? [toBucket(row.step, value)] : [];
}
