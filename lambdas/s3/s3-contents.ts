/** Rows that users stored, one object a content: contents/<sha256>.jsonl. Written once, never changed, never removed. */
import { createHash } from 'node:crypto';
import type { Contents, UploadLink } from '#ports/inputs.ts';
import type { ObjectStore } from './object-store.ts';
import { LINK_SECONDS, type ObjectPlace } from './storage-places.ts';

const SHA256 = /^[0-9a-f]{64}$/;

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
    return SHA256.test(sha256) ? this.#store.get(this.#place(sha256)) : null;
  }

  async getStart(sha256: string, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null> {
    return SHA256.test(sha256) ? this.#store.getStart(this.#place(sha256), maxBytes) : null;
  }

  async openUpload(sha256: string, sizeBytes: number): Promise<UploadLink> {
    const expiresAt = new Date(Date.now() + LINK_SECONDS * 1_000).toISOString();
    const { url, headers } = await this.#store.signPut(this.#place(sha256), sha256, sizeBytes);
    return { url, method: 'PUT', headers, expiresAt };
  }
}
