/**
 * The curves of one run, kept fresh while it trains: whole at first, then only what lies behind the last step that is known. After a resume
 * steps are trained again, so the whole is read anew; and so it is for a stretch that is looked at more closely.
 */
import { type Signal, signal } from '@preact/signals';
import { ask } from '../plane/ask.ts';
import { type Asking, keepAsking } from '../plane/keep-asking.ts';
import type { CurvePoint, RunMetrics } from '../plane/wire.ts';
import { append, appendAxis } from './curve-data.ts';

const POINTS = 500;
const LIVE_MILLIS = 1_000;
/** A doorbell may be deaf. */
const ON_THE_CHANCE_MILLIS = 10_000;

export type Curves = ReadonlyMap<string, readonly CurvePoint[]>;

export interface CurveStore {
  /** null before the first answer */
  readonly curves: Signal<Curves | null>;
  readonly axes: Signal<RunMetrics['axes']>;
  readonly problem: Signal<Error | null>;
  /** Another attempt, or another stretch of steps: all of it is read again. */
  readonly reload: () => void;
  /** There may be more: ask now. */
  readonly hurry: () => void;
  readonly stop: () => void;
}

interface CurveStoreOptions {
  readonly runId: string;
  /** whether more may come */
  readonly isLive: () => boolean;
  /** whether somebody calls `hurry` when there is more */
  readonly hasBell: () => boolean;
  /** steps that are looked at; null: all */
  readonly stretch: () => readonly [number, number] | null;
}

export function openCurves({ runId, isLive, hasBell, stretch }: CurveStoreOptions): CurveStore {
  const curves = signal<Curves | null>(null);
  const axes = signal<RunMetrics['axes']>({ epoch: [], timestamp: [] });
  const problem = signal<Error | null>(null);
  let isWhole = false;
  let isOver = false;
  let asking: Asking;

  const task = async (abort: AbortSignal): Promise<number | null> => {
    const steps = stretch();
    const known = isWhole && steps === null ? curves.peek() : null;
    // The last step once more: its evaluation may have come since.
    const range = steps === null ? `from_step=${known ? lastStep(known) : 0}` : `from_step=${steps[0]}&to_step=${steps[1]}`;
    const answer = await ask<RunMetrics>(`/runs/${encodeURIComponent(runId)}/metrics?${range}&points=${POINTS}`, abort);
    if (abort.aborted) return null;
    if (known === null) {
      curves.value = new Map(answer.series.map(({ name, points }) => [name, points]));
      axes.value = answer.axes;
    } else if (answer.series.some(({ points }) => points.length > 0)) {
      curves.value = grow(known, answer.series);
      axes.value = {
        epoch: appendAxis(axes.peek().epoch, answer.axes.epoch),
        timestamp: appendAxis(axes.peek().timestamp, answer.axes.timestamp),
      };
    }
    isWhole = true;
    isOver = !isLive();
    return isOver ? null : hasBell() ? ON_THE_CHANCE_MILLIS : LIVE_MILLIS;
  };
  const begin = () =>
    keepAsking(task, (error) => {
      problem.value = error;
    });
  const again = () => {
    asking.stop();
    isOver = false;
    asking = begin();
  };
  asking = begin();
  return {
    curves,
    axes,
    problem,
    reload: () => {
      isWhole = false;
      again();
    },
    hurry: () => (isOver ? again() : asking.hurry()),
    stop: () => asking.stop(),
  };
}

const lastStep = (curves: Curves): number => Math.max(0, ...[...curves.values()].map((points) => points.at(-1)?.to_step ?? 0));

function grow(known: Curves, series: RunMetrics['series']): Curves {
  const grown = new Map(known);
  for (const { name, points } of series) grown.set(name, append(known.get(name) ?? [], points));
  return grown;
}
