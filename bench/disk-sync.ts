import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { quantile } from './load.ts';

const SAMPLES = 200;

export interface SyncFigures {
  readonly minMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

/** What the disk under a folder takes to keep 4 KiB: the price of a commit, and what a create waits for. */
export function measureSync(folder: string): SyncFigures {
  const file = openSync(join(folder, 'sync-probe'), 'w');
  const page = Buffer.alloc(4_096, 1);
  const times: number[] = [];
  try {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const began = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      times.push(performance.now() - began);
    }
  } finally {
    closeSync(file);
  }
  times.sort((a, b) => a - b);
  return { minMillis: quantile(times, 0), p50Millis: quantile(times, 0.5), p99Millis: quantile(times, 0.99) };
}
