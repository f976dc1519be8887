/** Who waits for a slot, and as which: the machines know. Asked only while somebody looks and something waits. */
import { signal } from '@preact/signals';
import { ask } from '../plane/ask.ts';
import { keepAsking } from '../plane/keep-asking.ts';
import type { WorkerList } from '../plane/wire.ts';

const LOOK_MILLIS = 4_000;

/** Place in the line by run, from 1. */
export const queuePlaces = signal<ReadonlyMap<string, number>>(new Map());

let users = 0;
let stop: (() => void) | null = null;

/** @returns what ends the watch */
export function watchQueue(): () => void {
  if (users++ === 0) {
    const asking = keepAsking(
      async (abort) => {
        const { items } = await ask<WorkerList>('/workers', abort);
        queuePlaces.value = new Map(items.flatMap(({ waiting }) => waiting.map((id, index) => [id, index + 1] as const)));
        return LOOK_MILLIS;
      },
      () => {}, // without it the list only lacks a number
    );
    stop = () => asking.stop();
  }
  return () => {
    if (--users === 0) stop?.();
  };
}
