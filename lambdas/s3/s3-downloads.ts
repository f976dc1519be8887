/**
 * Links to stored objects that S3 serves by itself: the bytes never pass the plane. A link names the version whose hash was compared when
 * it was made, so that what is put over it later changes nothing; a bucket without versions keeps that promise only until such a put.
 */
import { DomainError } from '#domain/errors.ts';
import type { StoredFile } from '#domain/training.ts';
import type { Downloads } from '#ports/artifacts.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectPlace } from './storage-places.ts';

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
    return this.#store.signGet(place, facts);
  }
}
