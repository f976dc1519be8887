/** Links to stored objects that S3 signs and serves by itself: the bytes never pass the plane. */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Downloads } from '#ports';
import type { ObjectPlace } from './object-store.ts';

/** A link ends earlier where the credentials that signed it do: docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
const LIFE_SECONDS = 3_600;

export class S3Downloads implements Downloads {
  readonly #client: S3Client;
  readonly #place: (key: string) => ObjectPlace;

  /** @param place where a key of the artifacts store lies */
  constructor({ client, place }: { readonly client: S3Client; readonly place: (key: string) => ObjectPlace }) {
    this.#client = client;
    this.#place = place;
  }

  async link(key: string): Promise<string> {
    const { bucket, key: Key } = this.#place(key);
    const name = Key.slice(Key.lastIndexOf('/') + 1).replace(/["\\]/g, '_');
    const command = new GetObjectCommand({ Bucket: bucket, Key, ResponseContentDisposition: `attachment; filename="${name}"` });
    return getSignedUrl(this.#client, command, { expiresIn: LIFE_SECONDS });
  }
}
