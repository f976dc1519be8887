/** The metric rows of a range of steps, over all attempts. Steps never go back within an attempt, so the range is found by halving. */
import type { RunView } from '#domain/run.ts';
import { CHUNK_ROWS, type MetricRow, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, parseMetricRows } from './advance/run-folder-files.ts';

/** 12,000 rows are some 2 MB; a finer look at more than that is no look. */
export const MAX_METRIC_CHUNKS = 12;

interface AttemptRows {
  readonly attempt: number;
  readonly chunks: number;
  /** what it trained after this step was trained again by a later attempt, or will be */
  readonly lastStep: number;
}

/** @returns rows in the order of their steps; null where there are too many to read */
export async function readMetricRows(ports: Ports, view: RunView, fromStep: number, toStep: number): Promise<MetricRow[] | null> {
  const found: MetricRow[] = [];
  let read = 0;
  for (const { attempt, chunks, lastStep } of attemptRows(view)) {
    const last = Math.min(toStep, lastStep);
    if (last < fromStep || chunks === 0) continue;
    const rowsOf = async (chunk: number): Promise<MetricRow[]> =>
      parseMetricRows(await ports.artifacts.get(inFolder(view.run, runFolderKeys.metricChunk(view.run.id, attempt, chunk))));
    for (let chunk = await chunkOf(fromStep, chunks, rowsOf); chunk <= chunks; chunk++) {
      if (++read > MAX_METRIC_CHUNKS) return null;
      const rows = await rowsOf(chunk);
      found.push(...rows.filter(({ step }) => step >= fromStep && step <= last));
      if ((rows.at(-1)?.step ?? 0) > last) break;
    }
  }
  return found;
}

/** Attempts that are over, then the newest, each up to the step that a later one went on from. */
function attemptRows({ run, progress }: RunView): AttemptRows[] {
  const attempts = run.pastAttempts.map(({ number, metricRows, resumedFromStep }) => ({ number, metricRows, resumedFromStep }));
  if (run.attempt && progress?.attempt === run.attempt.number && !attempts.some(({ number }) => number === progress.attempt))
    attempts.push({
      number: progress.attempt,
      metricRows: progress.counts.metricRows,
      resumedFromStep: run.attempt.resumeFrom?.step ?? null,
    });
  return attempts.map(({ number, metricRows }, index) => ({
    attempt: number,
    chunks: Math.ceil(metricRows / CHUNK_ROWS),
    lastStep: Math.min(Number.POSITIVE_INFINITY, ...attempts.slice(index + 1).map(({ resumedFromStep }) => resumedFromStep ?? 0)),
  }));
}

/** The last chunk that begins before the step: ten reads for a million rows. */
async function chunkOf(step: number, chunks: number, rowsOf: (chunk: number) => Promise<MetricRow[]>): Promise<number> {
  let low = 1;
  let high = chunks;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [first] = await rowsOf(middle);
    if (first !== undefined && first.step < step) low = middle;
    else high = middle - 1;
  }
  return low;
}
