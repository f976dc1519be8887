/**
 * A component whose code is fetched when it is shown, or before that, when the browser has nothing else to do: what is drawn first needs little
 * of it. Code that cannot be fetched, because the plane is away or is another version now, comes with a fresh page once the plane answers;
 * where that does not help either, it says so instead of trying for ever.
 */
import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { whenAskable } from '../plane/connection.ts';
import { Empty, Loading } from './blank.tsx';

const RELOADED = 'tuneplane-reloaded-at';
const RELOAD_PATIENCE_MILLIS = 30_000;

const unfetched: (() => Promise<void>)[] = [];

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let fetched: ComponentType<Props> | null = null;
  const fetch = async (): Promise<void> => {
    fetched ??= await load();
  };
  unfetched.push(fetch);

  return function Lazy(props: Props) {
    const isThere = useSignal(fetched !== null);
    const isLost = useSignal(false);
    useEffect(() => {
      if (isThere.peek()) return;
      const controller = new AbortController();
      fetch().then(
        () => {
          isThere.value = true;
        },
        async () => {
          await whenAskable(controller.signal);
          if (!controller.signal.aborted) isLost.value = !reloadOnce();
        },
      );
      return () => controller.abort();
    }, []);
    const Fetched = isThere.value ? fetched : null;
    if (Fetched !== null) return <Fetched {...props} />;
    return isLost.value ? <Lost /> : <Loading what="the page" lines={12} />;
  };
}

/** @returns false where that was tried just now */
function reloadOnce(): boolean {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < RELOAD_PATIENCE_MILLIS) return false;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
  return true;
}

const Lost = () => (
  <Empty title="A part of this page is not there">
    <p>Its files do not belong together: whoever serves them should build and place them anew.</p>
    <button type="button" onClick={() => location.reload()}>
      Try again
    </button>
  </Empty>
);

/** All of them, one after another, while nobody waits: so that going there is instant, also while the plane is away. */
export function fetchInPeace(): void {
  const fetch = unfetched.shift();
  if (fetch === undefined) return;
  whenIdle(() => {
    fetch().then(fetchInPeace, () => {}); // who goes there asks again
  });
}

/** Safari has no idle callbacks. */
function whenIdle(task: () => void): void {
  if ('requestIdleCallback' in window) requestIdleCallback(task, { timeout: 3_000 });
  else setTimeout(task, 500);
}
