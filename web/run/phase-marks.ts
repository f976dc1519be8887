/** The phases of each attempt, out of its log: the lines before the first step, and those at the end. Each part is read once. */
import { effect, type Signal, signal } from '@preact/signals';
import { ask } from '../plane/ask.ts';
import type { RunDetail, RunLogs } from '../plane/wire.ts';
import type { PhaseMark } from './lifecycle.ts';
import type { LiveRun } from './live-run.ts';

const START_LINES = 200;
const END_LINES = 80;
/** Older attempts than these show their states alone. */
const MOST_ATTEMPTS = 8;

const PHASE_LINE = /^phase ([a-z-]+)/;

/** @returns the marks so far, and what ends the watch */
export function watchPhases(run: LiveRun): { readonly marks: Signal<readonly PhaseMark[]>; readonly stop: () => void } {
  const marks = signal<readonly PhaseMark[]>([]);
  const controller = new AbortController();
  const parts = new Map<string, readonly PhaseMark[]>();
  const read = async (key: string, query: string): Promise<void> => {
    parts.set(key, parts.get(key) ?? []);
    try {
      const { items } = await ask<RunLogs>(`/runs/${encodeURIComponent(run.id)}/logs?${query}`, controller.signal);
      parts.set(
        key,
        items.flatMap(({ attempt, message, timestamp }) => {
          const phase = PHASE_LINE.exec(message)?.[1];
          return phase === undefined ? [] : [{ attempt, phase, at: timestamp }];
        }),
      );
      marks.value = [...parts.values()].flat().sort((a, b) => a.at.localeCompare(b.at));
    } catch {
      parts.delete(key); // the strip shows states without phases until the next look
    }
  };
  const stop = effect(() => {
    const detail = run.detail.value;
    if (detail === null) return;
    for (const { key, query } of partsOf(detail)) if (!parts.has(key)) void read(key, query);
  });
  return {
    marks,
    stop: () => {
      stop();
      controller.abort();
    },
  };
}

/** A part that may still grow has a key that changes with it. */
function partsOf({ attempts, progress }: RunDetail): { key: string; query: string }[] {
  let lines = 0;
  const parts = attempts.map(({ number, ended_at, reserved_at, log_lines }) => {
    lines += log_lines;
    const isStarting = ended_at === null && progress?.phase !== 'training';
    const start = {
      key: `${number} start ${isStarting ? `${progress?.phase} ${progress?.attempt}` : ''}`,
      query: `start=${reserved_at}&limit=${START_LINES}`,
    };
    const end = { key: `${number} end`, query: `after=${Math.max(0, lines - END_LINES)}&limit=${END_LINES}` };
    return ended_at === null ? [start] : [start, end];
  });
  return parts.slice(-MOST_ATTEMPTS).flat();
}
