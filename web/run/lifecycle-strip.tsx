/** Where the time went: a bar in proportion, and each stretch with its length and its reason. */
import { second } from '../format/now.ts';
import { showClock, showDuration } from '../format/times.ts';
import type { Stretch } from './lifecycle.ts';

/** More than these and the oldest fold away. */
const MOST_STRETCHES = 20;
/** A phase that nobody could notice is in the bar, and not in words. */
const LEAST_SECONDS = 0.05;

export function LifecycleStrip({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const isOpen = stretches.some(({ to }) => to === null);
  const now = isOpen ? second.value : 0;
  const timed = stretches.map((stretch) => ({ ...stretch, seconds: secondsOf(stretch, now) }));
  const total = timed.reduce((sum, { seconds }) => sum + seconds, 0) || 1;
  const told = timed.filter(({ kind, to, seconds }) => kind !== 'starting' || to === null || seconds >= LEAST_SECONDS);
  const shown = told.slice(-MOST_STRETCHES);
  const folded = told.slice(0, -MOST_STRETCHES);
  return (
    <section class="lifecycle" aria-label="Lifecycle">
      <div class="lifecycle-bar" aria-hidden="true">
        {timed.map(({ from, label, kind, seconds }) => (
          <span key={from + label} class={`stretch-${kind}`} style={{ flexGrow: (100 * seconds) / total }} />
        ))}
      </div>
      <ol>
        {folded.length > 0 && (
          <li class="muted">
            {folded.length} earlier, {showDuration(folded.reduce((sum, { seconds }) => sum + seconds, 0))}
          </li>
        )}
        {shown.map((stretch, index) => (
          <li key={stretch.from + stretch.label} title={`${showClock(stretch.from)}  ${stretch.reason}`}>
            {isNewAttempt(shown, index) && <span class="attempt-word">attempt {stretch.attempt}</span>}
            <span class={`dot stretch-${stretch.kind}`} aria-hidden="true" />
            {stretch.label} <span class="duration">{showDuration(stretch.seconds)}</span>
            {hasReason(stretch) && <span class="muted reason">{stretch.reason}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

const secondsOf = ({ from, to }: Stretch, now: number): number =>
  Math.max(0, ((to === null ? now : Date.parse(to)) - Date.parse(from)) / 1_000);

function isNewAttempt(shown: readonly Stretch[], index: number): boolean {
  const { attempt } = shown[index] ?? { attempt: null };
  const before = shown[index - 1]?.attempt ?? null;
  return attempt !== null && attempt > 1 && attempt !== before;
}

/** Why it waits is said in full; what it does is said by its name. */
const hasReason = ({ kind, reason, to }: Stretch): boolean =>
  reason !== '' && (kind === 'waiting' || kind === 'paused') && (to === null || reason.length < 60);
