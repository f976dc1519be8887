/** Links to single objects, for machines that have no credentials yet. */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { SignedObjects, SignedRequest } from '#ports/artifacts.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectPlace } from './storage-places.ts';

/** The longest that a signature of long-lived keys is good for: docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
const LIFE_SECONDS = 7 * 24 * 3_600;
/** Signed as a header, which the machine has to send: without it the store refuses the signature, with it the second put. */
const ONCE = 'if-none-match';

export class S3SignedObjects implements SignedObjects {
  readonly #store: ObjectStore;
  readonly #place: (key: string) => ObjectPlace;

  constructor({ store, place }: { readonly store: ObjectStore; readonly place: (key: string) => ObjectPlace }) {
    this.#store = store;
    this.#place = place;
  }

  async putOnce(key: string): Promise<SignedRequest> {
    const { bucket: Bucket, key: Key } = this.#place(key);
    const url = await getSignedUrl(this.#store.client, new PutObjectCommand({ Bucket, Key, IfNoneMatch: '*' }), {
      expiresIn: LIFE_SECONDS,
      unhoistableHeaders: new Set([ONCE]),
      signableHeaders: new Set(['host', ONCE]),
    });
    return { url, headers: { [ONCE]: '*' } };
  }

  async get(key: string): Promise<SignedRequest> {
    const { bucket: Bucket, key: Key } = this.#place(key);
    return { url: await getSignedUrl(this.#store.client, new GetObjectCommand({ Bucket, Key }), { expiresIn: LIFE_SECONDS }), headers: {} };
  }
}
