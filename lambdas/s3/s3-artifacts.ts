/**
 * Run folders in object storage. A key of the plane lies in its own bucket; a base that a user named, `s3/<bucket>/...`, in that bucket.
 * Listings are consistent (S3 is since 2020); puts are whole by themselves.
 */
import { checkFileKey, checkPrefix, IN_BUCKETS, isPlainName, partsOfKey } from '#domain/object-keys.ts';
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { ObjectStore } from './object-store.ts';
import { isBelow, type ObjectPlace, parseS3Uri, type StoragePlaces, toUri } from './storage-places.ts';

/** Each is one HEAD. */
const FILES_AT_ONCE = 8;
/** Below the plane's own place: results under the names that users gave. */
const PUBLISHED = 'published';

export interface S3ArtifactsOptions {
  readonly store: ObjectStore;
  readonly bucket: string;
  /** where the plane's keys lie in it: empty, or ends in '/' */
  readonly prefix?: string;
  readonly places: Pick<StoragePlaces, 'bases'>;
}

export class S3Artifacts implements Artifacts {
  readonly #store: ObjectStore;
  readonly #home: ObjectPlace;
  readonly #bases: readonly string[];

  constructor({ store, bucket, prefix = '', places }: S3ArtifactsOptions) {
    this.#store = store;
    this.#home = { bucket, key: prefix };
    this.#bases = places.bases;
  }

  locate(key: string): string {
    return toUri(this.place(key));
  }

  /** @throws Error for a key that is not made of plain names */
  place(key: string): ObjectPlace {
    const [first, bucket, ...rest] = partsOfKey(key);
    const end = key.endsWith('/') ? '/' : '';
    if (first === IN_BUCKETS && bucket !== undefined) return { bucket, key: rest.length === 0 ? '' : rest.join('/') + end };
    return { bucket: this.#home.bucket, key: this.#home.key + key };
  }

  async put(key: string, content: string): Promise<void> {
    await this.#store.put(this.#placeFile(key), content);
  }

  async putIfAbsent(key: string, content: string): Promise<boolean> {
    return this.#store.putIfAbsent(this.#placeFile(key), content);
  }

  async get(key: string): Promise<string | null> {
    return this.#store.get(this.#placeFile(key));
  }

  async list(prefix: string): Promise<string[]> {
    const folder = this.#placeFolder(prefix);
    const keys = await this.#store.list(folder);
    return keys.map((key) => prefix + key.slice(folder.key.length));
  }

  async removeFolder(prefix: string): Promise<void> {
    const folder = this.#placeFolder(prefix);
    await this.#store.removeAll(folder.bucket, await this.#store.list(folder));
  }

  async remove(key: string): Promise<void> {
    await this.#store.remove(this.#placeFile(key));
  }

  async verify(prefix: string, files: readonly StoredFile[]): Promise<string | null> {
    const folder = this.#placeFolder(prefix);
    for (let start = 0; start < files.length; start += FILES_AT_ONCE) {
      const faults = await Promise.all(files.slice(start, start + FILES_AT_ONCE).map((file) => this.#compare(folder, file)));
      const first = faults.find((fault) => fault !== null);
      if (first !== undefined) return first;
    }
    return null;
  }

  async placeBase(base: string): Promise<{ key: string; note: string | null } | { problem: string }> {
    const place = parseS3Uri(base.replace(/\/+$/, ''));
    if (place === null) return { problem: `must be s3://bucket/prefix of plain names, got '${base.slice(0, 60)}'` };
    if (!isBelow(toUri(place), this.#bases)) {
      return { problem: `must lie below ${this.#bases.join(' or ')} (the setting storage.bases), got '${base.slice(0, 60)}'` };
    }
    return { key: [IN_BUCKETS, place.bucket, place.key].filter((part) => part !== '').join('/'), note: null };
  }

  /** Copies where an output folder is named; a file of the copy that the result does not have goes last. */
  async publish(prefix: string, outputDir: string | null): Promise<string> {
    const source = this.#placeFolder(prefix);
    if (outputDir === null) return withoutSlash(toUri(source));
    const target = this.#placePublished(outputDir, prefix);
    const files = (await this.#store.list(source)).map((key) => key.slice(source.key.length));
    if (files.length === 0) throw new Error(`there is nothing to publish in ${toUri(source)}`);
    const before = await this.#store.list(target);
    for (let start = 0; start < files.length; start += FILES_AT_ONCE) {
      const portion = files.slice(start, start + FILES_AT_ONCE);
      const copy = (path: string): Promise<void> =>
        this.#store.copy({ ...source, key: source.key + path }, { ...target, key: target.key + path });
      await Promise.all(portion.map(copy));
    }
    const kept = new Set(files.map((path) => target.key + path));
    await this.#store.removeAll(
      target.bucket,
      before.filter((key) => !kept.has(key)),
    );
    return withoutSlash(toUri(target));
  }

  /** @throws Error where the folder is no place of ours */
  #placePublished(outputDir: string, prefix: string): ObjectPlace {
    const name = `${prefix.split('/').at(-2)}/`;
    const folder = outputDir.replace(/\/+$/, '');
    const place = parseS3Uri(folder);
    if (place !== null) {
      if (!isBelow(folder, this.#bases))
        throw new Error(`'${outputDir}' is not below ${this.#bases.join(' or ')} (the setting storage.bases)`);
      return { bucket: place.bucket, key: place.key === '' ? name : `${place.key}/${name}` };
    }
    if (!folder.split('/').every(isPlainName)) throw new Error(`'${outputDir}' is no folder name`);
    return this.place(`${PUBLISHED}/${folder}/${name}`);
  }

  async #compare(folder: ObjectPlace, { path, sizeBytes, sha256 }: StoredFile): Promise<string | null> {
    if (!path.split('/').every(isPlainName)) return `'${path}' is no path within its folder`;
    const place = { bucket: folder.bucket, key: folder.key + path };
    const facts = await this.#store.look(place);
    if (facts === null) return `'${path}' is not there`;
    if (facts.sizeBytes !== sizeBytes) return `'${path}' has ${facts.sizeBytes} bytes where ${sizeBytes} were written`;
    // A store that keeps no SHA-256 is asked for the bytes; AWS never is, since every put of ours carries one.
    const hash = facts.sha256 ?? (await this.#store.hash(place, facts));
    return hash === sha256 ? null : `'${path}' has SHA-256 ${hash} where ${sha256} was written`;
  }

  #placeFile(key: string): ObjectPlace {
    return this.place(checkFileKey(key));
  }

  #placeFolder(prefix: string): ObjectPlace {
    return this.place(checkPrefix(prefix));
  }
}

const withoutSlash = (uri: string): string => uri.replace(/\/$/, '');
