/**
 * Links to stored objects that S3 serves by itself: the bytes never pass the plane. A link names the version whose hash was compared when
 * it was made, so that what is put over it later changes nothing; a bucket without versions keeps that promise only until such a put.
 */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { DomainError } from '#domain/errors.ts';
import type { StoredFile } from '#domain/run-folder.ts';
import type { Downloads } from '#ports';
import type { ObjectPlace, ObjectStore } from './object-store.ts';

/** A link ends earlier where the credentials that signed it do: docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html */
const LIFE_SECONDS = 3_600;

export class S3Downloads implements Downloads {
  readonly #store: ObjectStore;
  readonly #place: (key: string) => ObjectPlace;

  /** @param place where a key of the artifacts store lies */
  constructor({ store, place }: { readonly store: ObjectStore; readonly place: (key: string) => ObjectPlace }) {
    this.#store = store;
    this.#place = place;
  }

  /** @throws DomainError `artifact_unavailable`, `artifact_corrupt` where the object is not there, or is another */
  async link(key: string, { sha256 }: Pick<StoredFile, 'sha256'>): Promise<string> {
    const place = this.#place(key);
    const facts = await this.#store.look(place);
    if (facts === null) throw new DomainError('artifact_unavailable', `'${key}' is not stored any more`);
    const stored = facts.sha256 ?? (await this.#store.hash(place, facts));
    if (stored !== sha256) throw new DomainError('artifact_corrupt', `'${key}' has SHA-256 ${stored} where ${sha256} was written`);
    const name = place.key.slice(place.key.lastIndexOf('/') + 1).replace(/["\\]/g, '_');
    const command = new GetObjectCommand({
      Bucket: place.bucket,
      Key: place.key,
      ...(facts.versionId !== null && { VersionId: facts.versionId }),
      ResponseContentDisposition: `attachment; filename="${name}"`,
    });
    return getSignedUrl(this.#store.client, command, { expiresIn: LIFE_SECONDS });
  }
}
