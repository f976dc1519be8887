/** One run as it is now: its record and its timeline, read when the doorbell rings, and now and then where none does. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { ask, PlaneError } from '../plane/ask.ts';
import { openDoorbell } from '../plane/doorbell.ts';
import { followEvents } from '../plane/event-stream.ts';
import { type Asking, keepAsking } from '../plane/keep-asking.ts';
import type { RunDetail, RunEvent } from '../plane/wire.ts';
import { isFinal, isLive } from '../runs/run-facts.ts';
import { forgetRun, takeRuns } from '../runs/run-store.ts';

const LIVE_MILLIS = 1_000;
const WAITING_MILLIS = 5_000;
/** Under a doorbell, and for runs that are over: tags and pins may still come. */
const QUIET_MILLIS = 30_000;

export interface LiveRun {
  readonly id: string;
  readonly detail: Signal<RunDetail | null>;
  /** ascending, without a gap */
  readonly events: Signal<readonly RunEvent[]>;
  readonly problem: ReadonlySignal<Error | null>;
  /** moves when the doorbell rang */
  readonly rings: ReadonlySignal<number>;
  /** it rings when there is news: nobody needs to look on the chance */
  readonly hasBell: ReadonlySignal<boolean>;
  /** It was read somewhere else just now. */
  readonly take: (detail: RunDetail) => void;
  readonly stop: () => void;
}

export function openRun(id: string): LiveRun {
  const detail = signal<RunDetail | null>(null);
  const events = signal<readonly RunEvent[]>([]);
  const rings = signal(0);
  const ofRecord = signal<Error | null>(null);
  const ofTimeline = signal<Error | null>(null);
  const hasBell = signal(false);
  let bell: Asking | null = null;
  const ring = () => {
    rings.value++;
    record.hurry();
    timeline.hurry();
  };
  const take = (next: RunDetail) => {
    detail.value = next;
    takeRuns([next]);
    if (isFinal(next)) bell?.stop();
    else bell ??= openDoorbell(id, hasBell, ring);
  };

  const record = keepAsking(
    async (abort) => {
      const next = await ask<RunDetail>(`/runs/${encodeURIComponent(id)}`, abort);
      take(next);
      if (isFinal(next) || hasBell.peek()) return QUIET_MILLIS;
      return isLive(next) ? LIVE_MILLIS : WAITING_MILLIS;
    },
    (error) => {
      ofRecord.value = error;
      if (error instanceof PlaneError && error.status === 404) forgetRun(id);
    },
  );
  const timeline = followEvents(
    id,
    () => hasBell.peek(),
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
    rings,
    hasBell,
    take,
    stop: () => {
      bell?.stop();
      record.stop();
      timeline.stop();
    },
  };
}
