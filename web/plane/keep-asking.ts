/**
 * Asks again and again, for as long as somebody looks: not while the tab is hidden, not while the plane is down. After either it goes on at
 * once, from where the task itself remembers that it stood.
 */
import { PlaneDown, PlaneLocked } from './ask.ts';
import { whenAskable } from './connection.ts';

export interface Asking {
  /** Ask now instead of at the end of the pause. */
  hurry(): void;
  stop(): void;
}

/** Milliseconds until it should be asked again; null: never. */
export type Task = (abort: AbortSignal) => Promise<number | null>;

const AFTER_REFUSAL_MILLIS = 5_000;
/** However often somebody says hurry: more than four looks a second show nothing more. */
const LEAST_MILLIS = 250;

/** @param onProblem what the plane refused; null when it answers again */
export function keepAsking(task: Task, onProblem: (problem: Error | null) => void): Asking {
  const controller = new AbortController();
  const { signal } = controller;
  let wake: () => void = () => {};
  let isHurried = false;

  const pause = (millis: number): Promise<void> =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, isHurried ? Math.min(millis, LEAST_MILLIS) : millis);
      wake = () => {
        setTimeout(done, LEAST_MILLIS);
      };
      signal.addEventListener('abort', done);
    });

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await whenVisible(signal);
      await whenAskable(signal);
      if (signal.aborted) return;
      let wait = AFTER_REFUSAL_MILLIS;
      isHurried = false; // what is asked from here on is new enough for whoever said so before
      try {
        const answer = await task(signal);
        onProblem(null);
        if (answer === null) return;
        wait = answer;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof PlaneDown || error instanceof PlaneLocked) continue;
        onProblem(error instanceof Error ? error : new Error(String(error)));
      }
      await pause(wait);
    }
  };
  void run();

  return {
    hurry: () => {
      isHurried = true;
      wake();
    },
    stop: () => controller.abort(),
  };
}

function whenVisible(abort: AbortSignal): Promise<void> {
  if (document.visibilityState === 'visible') return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState !== 'visible' && !abort.aborted) return;
      document.removeEventListener('visibilitychange', look);
      abort.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    abort.addEventListener('abort', look);
  });
}
