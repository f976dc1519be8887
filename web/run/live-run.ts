/** One run as it is now: its record, asked again while it moves, and its timeline, which says at once when something happened. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { ask, PlaneError } from '../plane/ask.ts';
import { followEvents } from '../plane/event-stream.ts';
import { keepAsking } from '../plane/keep-asking.ts';
import type { RunDetail, RunEvent } from '../plane/wire.ts';
import { isFinal, isLive } from '../runs/run-facts.ts';
import { forgetRun, takeRuns } from '../runs/run-store.ts';

const LIVE_MILLIS = 1_000;
const WAITING_MILLIS = 5_000;

export interface LiveRun {
  readonly id: string;
  readonly detail: Signal<RunDetail | null>;
  /** ascending, without a gap */
  readonly events: Signal<readonly RunEvent[]>;
  readonly problem: ReadonlySignal<Error | null>;
  /** Something was done to it: look at once. */
  readonly look: () => void;
  /** It was read somewhere else just now. */
  readonly take: (detail: RunDetail) => void;
  readonly stop: () => void;
}

export function openRun(id: string): LiveRun {
  const detail = signal<RunDetail | null>(null);
  const events = signal<readonly RunEvent[]>([]);
  const ofRecord = signal<Error | null>(null);
  const ofTimeline = signal<Error | null>(null);
  const take = (next: RunDetail) => {
    detail.value = next;
    takeRuns([next]);
  };
  const record = keepAsking(
    async (abort) => {
      take(await ask<RunDetail>(`/runs/${encodeURIComponent(id)}`, abort));
      const now = detail.peek();
      if (now === null || isFinal(now)) return WAITING_MILLIS * 12; // tags and pins may still come
      return isLive(now) ? LIVE_MILLIS : WAITING_MILLIS;
    },
    (error) => {
      ofRecord.value = error;
      if (error instanceof PlaneError && error.status === 404) forgetRun(id);
    },
  );
  const timeline = followEvents(
    id,
    (more) => {
      events.value = [...events.peek(), ...more];
      record.hurry();
    },
    (error) => {
      ofTimeline.value = error;
    },
  );
  return {
    id,
    detail,
    events,
    problem: computed(() => ofRecord.value ?? ofTimeline.value),
    look: () => record.hurry(),
    take,
    stop: () => {
      record.stop();
      timeline.stop();
    },
  };
}
