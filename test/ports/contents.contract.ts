/** What every Contents port promises. The AWS twin runs this file too. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Contents } from '#ports/inputs.ts';
import { contractSuite, type Skips, type World } from '../support/contract-suite.ts';

export interface ContentsWorld extends World {
  readonly contents: Contents;
}

export function contentsContract(open: () => Promise<ContentsWorld>, skips: Skips = {}): void {
  contractSuite('stored contents', open, skips, {
    'gives back under its SHA-256 what was put': async ({ contents }) => {
      const rows = '{"text":"ä 🦜"}\n';

      const { sha256, sizeBytes } = await contents.put(rows);

      expect({ sha256, sizeBytes }).toEqual({ sha256: createHash('sha256').update(rows).digest('hex'), sizeBytes: 19 });
      expect(await contents.get(sha256)).toBe(rows);
    },

    'bears the same content again, at once and later': async ({ contents }) => {
      const puts = await Promise.all(Array.from({ length: 10 }, () => contents.put('the same')));

      expect(new Set(puts.map(({ sha256 }) => sha256)).size).toBe(1);
      expect(await contents.get(puts[0]?.sha256 ?? '')).toBe('the same');
      expect(await contents.put('the same')).toEqual(puts[0]);
    },

    'gives the beginning of a content, and how long it is': async ({ contents }) => {
      const { sha256 } = await contents.put('0123456789');
      const empty = await contents.put('');

      expect(await contents.getStart(sha256, 4)).toEqual({ start: Buffer.from('0123'), sizeBytes: 10 });
      expect(await contents.getStart(sha256, 100)).toEqual({ start: Buffer.from('0123456789'), sizeBytes: 10 });
      expect(await contents.getStart(sha256, 0)).toEqual({ start: Buffer.alloc(0), sizeBytes: 10 });
      expect(await contents.getStart(empty.sha256, 4)).toEqual({ start: Buffer.alloc(0), sizeBytes: 0 });
      expect(await contents.getStart('0'.repeat(64), 4)).toBeNull();
    },

    'knows nothing that was not put, and nothing by another name than a hash': async ({ contents }) => {
      await contents.put('something');

      expect(await contents.get('0'.repeat(64))).toBeNull();
      expect(await contents.get('../secret.key')).toBeNull();
    },
  });
}
