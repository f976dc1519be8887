/**
 * A machine of the user's own that pulls runs (`tuneplane worker`): what it says of itself, which runs it may take, and which of those that
 * wait goes where. Pure: who calls it keeps the records.
 */
import * as z from 'zod';
import { nameOfBase } from './base-models.ts';
import { CLIENT_NAME } from './ids.ts';
import { isOfType } from './offers.ts';
import type { ComputeNeed, Run } from './run.ts';
import type { Training } from './training.ts';

const MAX_SLOTS = 1_024;
const MAX_GPUS = 64;
const MAX_BASES = 200;

/** What a worker says at each look. */
export const workerReportSchema = z.object({
  instance: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .meta({ description: "drawn once, at random, in the worker's folder: tells two machines of one name apart" }),
  host: z.string().max(255),
  slots: z.int().min(0).max(MAX_SLOTS).meta({ description: 'how many runs at once; 0: it takes none' }),
  gpus: z.array(z.object({ index: z.int().min(0), name: z.string().max(100), memoryGb: z.number().positive() })).max(MAX_GPUS),
  memoryGb: z.number().positive().meta({ description: "the machine's own memory" }),
  engines: z.array(z.string().max(40)).max(20),
  bases: z.array(z.string().max(200)).max(MAX_BASES).meta({ description: 'base models that lie in its cache' }),
  sharesFolders: z.boolean().meta({ description: "it sees the plane's own folders: the same machine, or the same mounts" }),
  isLeaving: z.boolean().meta({ description: 'it ends what it has, and takes nothing more' }),
  holding: z
    .array(z.object({ attempt: z.string().regex(CLIENT_NAME), isAlive: z.boolean() }))
    .max(MAX_SLOTS)
    .meta({ description: 'attempts whose trainers are there; those that do not answer are not alive' }),
});
export type WorkerReport = z.infer<typeof workerReportSchema>;

/** What a run needs of a worker. */
export interface WorkerNeed {
  readonly compute: ComputeNeed;
  readonly framework: string;
  /** of all GPUs together, or of the machine where it trains on none */
  readonly memoryGb: number;
  /** its folder and its data lie in the plane's own folders */
  readonly isOnPlane: boolean;
  /** a base that may lie in a cache */
  readonly base: string | null;
}

/** Whether all that a run reads and writes lies where any machine can reach it. @param holds whether a key of the artifacts is in the store */
export function isInStore(
  { folder, training, hypernetwork }: Pick<Run, 'folder' | 'training' | 'hypernetwork'>,
  holds: (key: string) => boolean,
): boolean {
  const { dataset, baseModel } = training;
  const files = dataset.kind === 'files' ? dataset.files.map(({ location }) => location) : [];
  const bases = baseModel.kind === 'path' ? [baseModel.path] : baseModel.kind === 'made' ? [baseModel.folder] : [];
  const makers = hypernetwork?.kind === 'run' ? [hypernetwork.folder] : [];
  return holds(folder) && [...files, ...bases, ...makers].every((place) => place.startsWith('s3://'));
}

/** A hypernetwork is trained and used by the trainer itself, whatever framework its run names. */
export const frameworkOf = ({ framework, peftMethod }: Pick<Training, 'framework' | 'peftMethod'>): string =>
  peftMethod === 'hypernetwork' ? 'hf' : framework;

export const baseInCache = ({ baseModel }: Pick<Training, 'baseModel'>): string | null =>
  baseModel.kind === 'hub' || baseModel.kind === 'tiny-llama' ? nameOfBase(baseModel) : null;

/** A worker as the plane knows it, and what it has of the plane's. */
export interface Place {
  readonly name: string;
  readonly report: WorkerReport;
  /** GPUs of each attempt that it has or will have; none of some */
  readonly held: readonly (readonly number[])[];
}

/** A card of 80 GB shows 79.6, and is called 80. */
const MEMORY_TOLERANCE = 0.97;

/** @returns why the worker could not take such a run even if it had nothing else to do; null where it could */
export function whyUnfit({ report }: Pick<Place, 'report'>, need: WorkerNeed): string | null {
  const { gpus, engines, slots, memoryGb, sharesFolders, isLeaving } = report;
  const { gpuType } = need.compute;
  const wanted = gpusWanted(report, need);
  if (isLeaving) return 'it is leaving';
  if (slots === 0) return 'it takes no runs';
  if (!engines.includes(need.framework)) return `it has no engine '${need.framework}'`;
  if (need.isOnPlane && !sharesFolders)
    return "the run lies in folders of the plane's machine, which it does not see (TUNEPLANE_ARTIFACTS)";
  const suited = gpuType === null ? gpus : gpus.filter(({ name }) => isOfType({ gpuType: name }, gpuType));
  if (gpuType !== null && suited.length === 0) return `it has no ${gpuType}`;
  if (suited.length < wanted) return `it has ${suited.length} of the ${wanted} GPUs`;
  const most = wanted === 0 ? memoryGb : sumOfLargest(suited, wanted);
  if (most < need.memoryGb * MEMORY_TOLERANCE)
    return `it has ${Math.round(most)} GB of the ${need.memoryGb} GB of ${wanted === 0 ? 'memory' : 'GPU memory'}`;
  return null;
}

/** Unless it says how many, a run takes one GPU of a machine that has some. */
const gpusWanted = ({ gpus }: Pick<WorkerReport, 'gpus'>, { compute }: WorkerNeed): number =>
  compute.gpusPerNode ?? (compute.gpuType === null ? Math.min(1, gpus.length) : 1);

const byMemory = (a: { memoryGb: number }, b: { memoryGb: number }): number => b.memoryGb - a.memoryGb;
const sumOfLargest = (gpus: WorkerReport['gpus'], count: number): number =>
  gpus
    .toSorted(byMemory)
    .slice(0, count)
    .reduce((sum, gpu) => sum + gpu.memoryGb, 0);

/** @returns the GPUs that such a run would take now, the smallest that do; null where the worker has no room for it, or never would */
export function findRoom(place: Place, need: WorkerNeed): readonly number[] | null {
  const { report, held } = place;
  if (whyUnfit(place, need) !== null || held.length >= report.slots) return null;
  const wanted = gpusWanted(report, need);
  if (wanted === 0) return [];
  const { gpuType } = need.compute;
  const taken = new Set(held.flat());
  const free = report.gpus
    .filter(({ index, name }) => !taken.has(index) && (gpuType === null || isOfType({ gpuType: name }, gpuType)))
    .toSorted((a, b) => a.memoryGb - b.memoryGb || a.index - b.index);
  // A window over the cards by size: the first that has the memory leaves the large ones to those who need them.
  for (let from = 0; from + wanted <= free.length; from++) {
    const some = free.slice(from, from + wanted);
    if (some.reduce((sum, { memoryGb }) => sum + memoryGb, 0) >= need.memoryGb * MEMORY_TOLERANCE)
      return some.map(({ index }) => index).sort();
  }
  return null;
}

export interface Waiter {
  /** sorts by age */
  readonly tag: string;
  readonly need: WorkerNeed;
}

export interface Assignment {
  readonly tag: string;
  readonly worker: string;
  readonly gpus: readonly number[];
}

/**
 * Who of those that wait would start now, and where: the oldest first, each where its base lies already, else where the least is left
 * over. One that fits nowhere now holds up none that fits elsewhere; on a worker that it could have, younger ones wait behind it.
 */
export function assign(waiters: readonly Waiter[], places: readonly Place[]): Assignment[] {
  const held = new Map(places.map(({ name, held: before }) => [name, [...before]]));
  const closed = new Set<string>();
  const assigned: Assignment[] = [];
  for (const { tag, need } of waiters.toSorted((a, b) => (a.tag < b.tag ? -1 : 1))) {
    const open = places.filter(({ name }) => !closed.has(name)).map((place) => ({ ...place, held: held.get(place.name) ?? [] }));
    const best = open
      .flatMap((place) => {
        const gpus = findRoom(place, need);
        return gpus === null ? [] : [{ place, gpus }];
      })
      .toSorted((a, b) => rank(a.place, need) - rank(b.place, need) || (a.place.name < b.place.name ? -1 : 1))[0];
    if (best === undefined) {
      // What it needs must not be taken from under it for ever.
      for (const place of open) if (whyUnfit(place, need) === null) closed.add(place.name);
      continue;
    }
    held.get(best.place.name)?.push(best.gpus);
    assigned.push({ tag, worker: best.place.name, gpus: best.gpus });
  }
  return assigned;
}

/** The base in the cache saves a download; then the fewest free GPUs, so that large machines stay whole. */
function rank({ report, held }: Place, { base }: WorkerNeed): number {
  const isCached = base !== null && report.bases.includes(base);
  return (isCached ? 0 : MAX_GPUS + MAX_SLOTS) + report.gpus.length - held.flat().length;
}
