import { useEffect } from 'preact/hooks';
import { second } from '../format/now.ts';
import { showClock } from '../format/times.ts';
import { connection, tryNow } from '../plane/connection.ts';

/** Says that the plane is away, that nothing is lost by it, and when it is asked again. */
export function DownBanner() {
  const { value } = connection;
  useEffect(() => {
    document.documentElement.dataset['connection'] = value.state;
  }, [value.state]);
  if (value.state !== 'down') return null;
  const wait = Math.max(0, Math.ceil((value.nextTryAt - second.value) / 1_000));
  return (
    <div class="banner" role="alert">
      <strong>The plane does not answer.</strong> Training goes on without it; what you see is as of {showClock(value.since)}. This page
      comes back by itself and misses nothing.
      <span class="spring" />
      <span aria-hidden="true">{wait === 0 ? 'asking …' : `asks again in ${wait} s`}</span>
      <button type="button" onClick={tryNow}>
        Ask now
      </button>
    </div>
  );
}
