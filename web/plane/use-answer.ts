import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ask } from './ask.ts';
import { keepAsking } from './keep-asking.ts';

export interface AnswerSignals<Answer> {
  readonly value: Signal<Answer | null>;
  readonly problem: Signal<Error | null>;
  /** Ask again now. */
  readonly refresh: () => void;
}

/**
 * What the plane says at a path, kept fresh while the component is there.
 * @param path null: there is nothing to ask yet
 * @param everyMillis null: once, and again on `refresh`
 */
export function useAnswer<Answer>(path: string | null, everyMillis: number | null = null): AnswerSignals<Answer> {
  const value = useSignal<Answer | null>(null);
  const problem = useSignal<Error | null>(null);
  const round = useSignal(0);
  useEffect(() => {
    if (path === null) return;
    const asking = keepAsking(
      async (abort) => {
        value.value = await ask<Answer>(path, abort);
        return everyMillis;
      },
      (error) => {
        problem.value = error;
      },
    );
    return () => asking.stop();
  }, [path, everyMillis, round.value]);
  return { value, problem, refresh: () => void round.value++ };
}
