/** Rows that users stored, one object a content: contents/<sha256>.jsonl. Written once, never changed, never removed. */
import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Contents, UploadLink } from '#ports';
import type { ObjectPlace, ObjectStore } from './object-store.ts';

const SHA256 = /^[0-9a-f]{64}$/;
const LINK_SECONDS = 3_600;
/** Signed as headers, which the client has to send: S3 refuses other bytes, and another number of them. */
const BOUND_HEADERS = new Set(['x-amz-checksum-sha256', 'content-length']);

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

  /** S3 checks the bytes against the signed checksum before it keeps them: API_PutObject.html, x-amz-checksum-sha256. */
  async openUpload(sha256: string, sizeBytes: number): Promise<UploadLink> {
    const { bucket, key } = this.#place(sha256);
    const checksum = Buffer.from(sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, ChecksumSHA256: checksum, ContentLength: sizeBytes });
    const expiresAt = new Date(Date.now() + LINK_SECONDS * 1_000).toISOString();
    const options = { expiresIn: LINK_SECONDS, unhoistableHeaders: BOUND_HEADERS, signableHeaders: new Set(['host', ...BOUND_HEADERS]) };
    const url = await getSignedUrl(this.#store.client, command, options);
    return { url, method: 'PUT', headers: { 'x-amz-checksum-sha256': checksum, 'content-length': String(sizeBytes) }, expiresAt };
  }
}
