/** Rows that users stored, one object a content: contents/<sha256>.jsonl. Written once, never changed, never removed. */
import { createHash } from 'node:crypto';
import type { Contents } from '#ports';
import type { ObjectPlace, ObjectStore } from './object-store.ts';

export const contentPlace = (bucket: string, prefix: string, sha256: string): ObjectPlace => ({
  bucket,
  key: `${prefix}contents/${sha256}.jsonl`,
});

export class S3Contents implements Contents {
  readonly #store: ObjectStore;
  readonly #place: (sha256: string) => ObjectPlace;

  /** @param prefix empty, or ends in '/' */
  constructor({ store, bucket, prefix = '' }: { readonly store: ObjectStore; readonly bucket: string; readonly prefix?: string }) {
    this.#store = store;
    this.#place = (sha256) => contentPlace(bucket, prefix, sha256);
  }

  async put(content: string): Promise<{ sha256: string; sizeBytes: number }> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    await this.#store.putIfAbsent(this.#place(sha256), content);
    return { sha256, sizeBytes: Buffer.byteLength(content) };
  }

  async get(sha256: string): Promise<string | null> {
    return /^[0-9a-f]{64}$/.test(sha256) ? this.#store.get(this.#place(sha256)) : null;
  }
}
