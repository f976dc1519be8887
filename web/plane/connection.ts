/**
 * Whether the plane answers. Everything that asks it reports here; while it does not, one probe asks `/healthz` with growing pauses and
 * everybody else waits. Training goes on meanwhile: who waits asks again from where it stood, so nothing is missed.
 */
import { computed, effect, signal } from '@preact/signals';

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'up' }
  /** times in milliseconds since 1970 */
  | { readonly state: 'down'; readonly since: number; readonly nextTryAt: number }
  /** it wants a token; `refused`: not the one it was given */
  | { readonly state: 'locked'; readonly refused: boolean };

const current = signal<Connection>({ state: 'connecting' });
export const connection = computed(() => current.value);

/** 0.5 s after a blip, never more than 5 s after a long night. */
const PAUSES_MILLIS = [500, 1_000, 2_000, 3_000, 5_000];
const PROBE_MILLIS = 3_000;

export function reportUp(): void {
  if (current.peek().state !== 'up') current.value = { state: 'up' };
}

export function reportLocked(refused: boolean): void {
  current.value = { state: 'locked', refused };
}

/** A token was given: those who wait may try it. */
export function reportUnlocked(): void {
  current.value = { state: 'connecting' };
}

export function reportDown(): void {
  if (current.peek().state === 'down') return;
  const since = Date.now();
  void probe(since);
}

let hurry: () => void = () => {};
/** Ask now instead of at the end of the pause. */
export const tryNow = (): void => hurry();

async function probe(since: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const pause = PAUSES_MILLIS[Math.min(tries, PAUSES_MILLIS.length - 1)] ?? 0;
    current.value = { state: 'down', since, nextTryAt: Date.now() + pause };
    await new Promise<void>((resolve) => {
      hurry = resolve;
      setTimeout(resolve, pause);
    });
    if (await isAlive()) {
      current.value = { state: 'up' };
      return;
    }
  }
}

async function isAlive(): Promise<boolean> {
  try {
    return (await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(PROBE_MILLIS) })).ok;
  } catch {
    return false; // no answer is the answer
  }
}

/** Resolves when the plane may be asked: it is up, or nobody has tried yet. Never rejects; an aborted wait resolves as well. */
export function whenAskable(abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      queueMicrotask(() => stop());
      abort.removeEventListener('abort', done);
      resolve();
    };
    const stop = effect(() => {
      const { state } = current.value;
      if (state === 'up' || state === 'connecting') done();
    });
    abort.addEventListener('abort', done);
  });
}

window.addEventListener('online', tryNow);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') tryNow();
});
