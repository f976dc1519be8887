import { showPercent } from '../format/numbers.ts';

/** @param fraction 0 to 1. @param label what it is the progress of */
export function ProgressBar({ fraction, label }: { readonly fraction: number; readonly label: string }) {
  return (
    <span
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(fraction * 100)}
      aria-valuetext={showPercent(fraction)}
    >
      <span class="progress-done" style={{ width: `${fraction * 100}%` }} />
    </span>
  );
}
