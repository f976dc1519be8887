/** What every LogIndex promises. The AWS twin runs this file too. */
import { expect } from 'vitest';
import type { LogIndex } from '#ports/following.ts';
import { contractSuite, eventually, type Skips, type World } from '../support/contract-suite.ts';

export interface LogIndexWorld extends World {
  readonly logIndex: LogIndex;
}

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString();
const row = (attempt: number, chunk: number, second: number) => ({ attempt, chunk, firstAt: at(second) });

export function logIndexContract(open: () => Promise<LogIndexWorld>, skips: Skips = {}): void {
  contractSuite('a log index', open, skips, {
    'finds the last chunk that begins before a moment': async ({ logIndex }) => {
      await logIndex.add('run_a', [row(1, 1, 0), row(1, 2, 10), row(2, 1, 20)]);

      await eventually(async () => {
        expect(await logIndex.lastBefore('run_a', at(0))).toBeNull();
        expect(await logIndex.lastBefore('run_a', at(1))).toEqual(row(1, 1, 0));
        expect(await logIndex.lastBefore('run_a', at(10))).toEqual(row(1, 1, 0));
        expect(await logIndex.lastBefore('run_a', at(20.5))).toEqual(row(2, 1, 20));
        expect(await logIndex.lastBefore('run_a', at(9_999))).toEqual(row(2, 1, 20));
      });
    },

    'takes the later of chunks that begin in the same millisecond': async ({ logIndex }) => {
      await logIndex.add('run_a', [row(1, 9, 5), row(1, 10, 5), row(1, 11, 5)]);

      await eventually(async () => expect(await logIndex.lastBefore('run_a', at(6))).toEqual(row(1, 11, 5)));
    },

    'bears rows that come again, as after a crash': async ({ logIndex }) => {
      await logIndex.add('run_a', [row(1, 1, 0), row(1, 2, 10)]);
      await logIndex.add('run_a', [row(1, 2, 10), row(1, 3, 20)]);

      await eventually(async () => expect(await logIndex.lastBefore('run_a', at(15))).toEqual(row(1, 2, 10)));
    },

    'keeps runs apart, and forgets one of them alone': async ({ logIndex }) => {
      await logIndex.add('run_a', [row(1, 1, 0)]);
      await logIndex.add('run_b', [row(1, 1, 0), row(1, 2, 1)]);

      await logIndex.removeAll('run_b');

      await eventually(async () => {
        expect(await logIndex.lastBefore('run_a', at(9))).toEqual(row(1, 1, 0));
        expect(await logIndex.lastBefore('run_b', at(9))).toBeNull();
      });
    },
  });
}
