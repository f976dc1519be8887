/** What an attempt took: GPU seconds that were held or paid for, those of them that brought the run on, and dollars. */
import type { AttemptLeft, Run, RunView } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { Compute } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';

export type AttemptCost = Pick<AttemptLeft, 'place' | 'spentGpuSeconds' | 'usefulGpuSeconds' | 'usd'>;

/**
 * @param keptStep the step that the run goes on from, or has reached: what was trained beyond it is trained again
 * @returns spent: GPUs x seconds, of a rented machine as it is billed. Useful: GPUs x the time from the first step seen to the last report,
 *   x the share of steps that are kept
 */
export async function costOfAttempt(ports: Ports, { run, progress }: RunView, compute: Compute, keptStep: number): Promise<AttemptCost> {
  const { attempt } = run;
  if (attempt === null) return { place: null, spentGpuSeconds: 0, usefulGpuSeconds: 0, usd: null };
  const now = ports.clock.now();
  const bill = (await compute.rental?.bill(attemptName(run.id, attempt.number))) ?? null;
  const gpus = gpusOf(attempt.handle);
  const held =
    attempt.handle === null ? 0 : Math.max(0, now - Number(attempt.handle['launchedAt'] ?? Date.parse(attempt.reservedAt))) / 1_000;
  const place = attempt.handle?.['place'];
  const useful = usefulSeconds(attempt, progress, now, keptStep) * gpus;
  const spent = bill?.gpuSeconds ?? held * gpus;
  return {
    place: typeof place === 'string' ? place : null,
    spentGpuSeconds: round(spent),
    usefulGpuSeconds: round(Math.min(useful, spent)),
    usd: bill === null ? null : Math.round(bill.usd * 10_000) / 10_000,
  };
}

function gpusOf(handle: NonNullable<Run['attempt']>['handle']): number {
  const { gpus, gpuCount } = handle ?? {};
  return Array.isArray(gpus) ? gpus.length : typeof gpuCount === 'number' ? gpuCount : 0;
}

function usefulSeconds(attempt: NonNullable<Run['attempt']>, progress: RunView['progress'], now: number, keptStep: number): number {
  if (attempt.trainingSince === null || progress?.attempt !== attempt.number) return 0;
  const from = attempt.resumeFrom?.step ?? 0;
  const trained = progress.step - from;
  if (trained <= 0) return 0;
  const share = Math.min(1, Math.max(0, (keptStep - from) / trained));
  const until = Math.min(now, Date.parse(progress.seenAt));
  return (Math.max(0, until - Date.parse(attempt.trainingSince)) / 1_000) * share;
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10;

/** Of all attempts that are over. */
export function totalCost({ pastAttempts }: Pick<Run, 'pastAttempts'>): {
  spentGpuSeconds: number;
  usefulGpuSeconds: number;
  usd: number | null;
} {
  const rented = pastAttempts.filter(({ usd }) => usd !== null);
  return {
    spentGpuSeconds: round(pastAttempts.reduce((sum, { spentGpuSeconds }) => sum + spentGpuSeconds, 0)),
    usefulGpuSeconds: round(pastAttempts.reduce((sum, { usefulGpuSeconds }) => sum + usefulGpuSeconds, 0)),
    usd: rented.length === 0 ? null : Math.round(rented.reduce((sum, { usd }) => sum + (usd ?? 0), 0) * 10_000) / 10_000,
  };
}
