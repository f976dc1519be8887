import type { RunView } from './run.ts';

/** How much of a run is done, 0 to 1, never falling over its attempts; 1 only when it is completed. Null before the first report. */
export function fractionDone({ run, progress }: RunView): number | null {
  if (run.state === 'completed') return 1;
  if (progress === null) return null;
  return progress.steps ? Math.min(progress.highestStep / progress.steps, 0.999) : 0;
}

/** Seconds to go, while it trains. */
export const etaSeconds = ({ run, progress }: RunView): number | null => (run.state === 'running' ? (progress?.etaSeconds ?? null) : null);
