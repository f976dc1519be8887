/** The runs of a comparison, each with its curves, kept fresh while they move. */
import { type Signal, signal } from '@preact/signals';
import { type CurveStore, openCurves } from '../charts/curve-store.ts';
import { ask, PlaneError } from '../plane/ask.ts';
import { keepAsking } from '../plane/keep-asking.ts';
import type { RunDetail } from '../plane/wire.ts';
import { isFinal } from '../runs/run-facts.ts';

const LOOK_MILLIS = 3_000;

export interface ComparedRun {
  readonly id: string;
  readonly detail: Signal<RunDetail | null>;
  /** there is no such run any more */
  readonly isGone: Signal<boolean>;
  readonly problem: Signal<Error | null>;
  readonly curves: CurveStore;
  readonly stop: () => void;
}

export function openCompared(id: string): ComparedRun {
  const detail = signal<RunDetail | null>(null);
  const isGone = signal(false);
  const problem = signal<Error | null>(null);
  const curves = openCurves({
    runId: id,
    isLive: () => !isFinal(detail.peek() ?? { state: 'running' }),
    hasBell: () => false,
    stretch: () => null,
  });
  const record = keepAsking(
    async (abort) => {
      try {
        const before = detail.peek();
        const now = await ask<RunDetail>(`/runs/${encodeURIComponent(id)}`, abort);
        detail.value = now;
        if (before !== null && (before.attempts.length !== now.attempts.length || (isFinal(now) && !isFinal(before)))) curves.reload();
        return isFinal(now) ? null : LOOK_MILLIS;
      } catch (error) {
        if (!(error instanceof PlaneError && error.status === 404)) throw error;
        isGone.value = true;
        curves.stop();
        return null;
      }
    },
    (error) => {
      problem.value = error;
    },
  );
  return {
    id,
    detail,
    isGone,
    problem,
    curves,
    stop: () => {
      record.stop();
      curves.stop();
    },
  };
}
