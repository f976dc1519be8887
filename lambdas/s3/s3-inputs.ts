/** Training data and base models in object storage: names become objects with sizes and hashes, below the places that the operator named. */

import * as z from 'zod';
import { toSplits } from '#domain/data-files.ts';
import type { FailureCode } from '#domain/failures.ts';
import { STORED_ROWS } from '#domain/run-request.ts';
import type { Dataset } from '#domain/training.ts';
import type { Inputs } from '#ports/inputs.ts';
import type { ObjectFacts, ObjectStore } from './object-store.ts';
import { contentPlace } from './s3-contents.ts';
import { isBelow, type ObjectPlace, parseS3Uri, type StoragePlaces, toUri } from './storage-places.ts';

/** What is hashed here byte by byte: 60 MB/s through a Lambda make it 90 s. Larger files bring a SHA-256 of their own. */
const MAX_HASHED_BYTES = 5_000_000_000;
const MAX_HASHES_KEPT = 10_000;

type DataFile = Extract<Dataset, { kind: 'files' }>['files'][number];

interface InputFailure {
  readonly code: FailureCode;
  readonly message: string;
}

class InputError extends Error {
  readonly failure: InputFailure;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.failure = { code, message };
  }
}

export interface S3InputsOptions {
  readonly store: ObjectStore;
  /** where rows that users stored here lie */
  readonly contents: { readonly bucket: string; readonly prefix?: string };
  readonly places: Pick<StoragePlaces, 'data'>;
}

export class S3Inputs implements Inputs {
  readonly #store: ObjectStore;
  readonly #content: (sha256: string) => ObjectPlace;
  readonly #data: readonly string[];
  /** by what changes when an object's bytes do */
  readonly #hashes = new Map<string, string>();

  constructor({ store, contents, places }: S3InputsOptions) {
    this.#store = store;
    this.#content = (sha256) => contentPlace(contents.bucket, contents.prefix ?? '', sha256);
    this.#data = places.data;
  }

  async pin(dataset: Dataset): Promise<{ dataset: Dataset } | { failure: InputFailure }> {
    if (dataset.kind === 'hub') return { dataset };
    return orFailure(dataset.uri, async () => {
      for (const file of dataset.files) await this.#checkPinned(file);
      return { dataset: dataset.files.length > 0 ? dataset : { ...dataset, files: await this.#pinFiles(dataset.uri) } };
    });
  }

  async readText(path: string, maxBytes: number): Promise<{ text: string } | { problem: string }> {
    const found = await orFailure(path, async () => {
      const place = this.#find(path, 'data_unreachable');
      const stored = await this.#store.getStart(place, maxBytes);
      if (stored === null) throw new InputError('dataset_not_found', `'${path}' is not there`);
      if (stored.sizeBytes > maxBytes)
        throw new InputError('dataset_not_found', `'${path}' must be at most ${maxBytes} bytes, it has ${stored.sizeBytes}`);
      return { text: stored.start.toString('utf8') };
    });
    return 'text' in found ? found : { problem: found.failure.message };
  }

  /** A stored base model: a prefix with objects below it. */
  locateModel(path: string): Promise<{ path: string } | { failure: InputFailure }> {
    return orFailure(path, async () => {
      const place = this.#find(path, 'model_not_found');
      const folder = { ...place, key: place.key === '' || place.key.endsWith('/') ? place.key : `${place.key}/` };
      if (!(await this.#store.isFolder(folder))) throw new InputError('model_not_found', `nothing is stored below '${path}'`);
      return { path: toUri(folder).replace(/\/$/, '') };
    });
  }

  async #pinFiles(uri: string): Promise<DataFile[]> {
    const [, name, sha256] = STORED_ROWS.exec(uri) ?? [];
    if (name !== undefined && sha256 !== undefined) return [await this.#pinStored(name, sha256)];
    const place = this.#find(uri, 'data_unreachable');
    if (place.key !== '' && !place.key.endsWith('/')) {
      const facts = await this.#store.look(place);
      if (facts !== null) return [await this.#pinFile(place, facts, 'train')];
    }
    return this.#pinFolder(uri, { ...place, key: place.key === '' ? '' : place.key.replace(/\/?$/, '/') });
  }

  async #pinFolder(uri: string, folder: ObjectPlace): Promise<DataFile[]> {
    const keys = await this.#store.list(folder, 'here');
    const names = keys.map((key) => key.slice(folder.key.length));
    const splits = toSplits(names);
    if (!splits.some(({ split }) => split === 'train')) {
      const lack =
        names.length === 0
          ? 'is not there: no object has this key, and none lies below it'
          : splits.length === 0
            ? 'holds no .jsonl, .json or .parquet file'
            : `holds nothing to train on, only ${splits.map(({ name }) => name).join(', ')}`;
      throw new InputError('dataset_not_found', `'${uri}' ${lack}`);
    }
    const files: DataFile[] = [];
    for (const { name, split } of splits) {
      const place = { ...folder, key: folder.key + name };
      const facts = await this.#store.look(place);
      if (facts !== null) files.push(await this.#pinFile(place, facts, split));
    }
    return files;
  }

  /** The name is the user's, the bytes are those of the hash. */
  async #pinStored(name: string, sha256: string): Promise<DataFile> {
    const place = this.#content(sha256);
    const facts = await this.#store.look(place);
    if (facts === null) throw new InputError('dataset_not_found', `the stored rows of '${name}' are not there`);
    return { path: `${name}.jsonl`, sizeBytes: facts.sizeBytes, sha256, location: toUri(place), split: 'train' };
  }

  async #pinFile(place: ObjectPlace, facts: ObjectFacts, split: DataFile['split']): Promise<DataFile> {
    const path = place.key.slice(place.key.lastIndexOf('/') + 1);
    return { path, sizeBytes: facts.sizeBytes, sha256: await this.#hashOf(place, facts), location: toUri(place), split };
  }

  /** A run goes on only with the bytes it began with. */
  async #checkPinned(file: DataFile): Promise<void> {
    const place = parseS3Uri(file.location);
    const facts = place && (await this.#store.look(place));
    const now = place && facts ? await this.#hashOf(place, facts) : 'of no file';
    if (now !== file.sha256) {
      throw new InputError(
        'data_changed',
        `'${file.path}' had SHA-256 ${file.sha256} when the run began, and has ${now} now (looked at ${file.location})`,
      );
    }
  }

  /** @param foreign the failure's code for what is no object storage of ours */
  #find(uri: string, foreign: FailureCode): ObjectPlace {
    const place = parseS3Uri(uri);
    const allowed = this.#data.join(' or ');
    if (place === null) throw new InputError(foreign, `'${uri}' cannot be fetched: this plane reads s3:// below ${allowed}`);
    if (!isBelow(uri, this.#data)) {
      throw new InputError('data_unreachable', `'${uri}' is not below ${allowed} (the setting storage.data)`);
    }
    return place;
  }

  async #hashOf(place: ObjectPlace, facts: ObjectFacts): Promise<string> {
    if (facts.sha256 !== null) return facts.sha256;
    const identity = `${toUri(place)} ${facts.etag} ${facts.sizeBytes}`;
    const known = this.#hashes.get(identity);
    if (known !== undefined) return known;
    if (facts.sizeBytes > MAX_HASHED_BYTES) {
      throw new InputError(
        'data_unreachable',
        `'${toUri(place)}' has no SHA-256 of its own, and its ${facts.sizeBytes} bytes are more than the ${MAX_HASHED_BYTES} that are read for one: ` +
          'copy it with --checksum-algorithm SHA256, or split it',
      );
    }
    const sha256 = await this.#store.hash(place, facts);
    if (this.#hashes.size >= MAX_HASHES_KEPT) this.#hashes.clear();
    this.#hashes.set(identity, sha256);
    return sha256;
  }
}

async function orFailure<Found>(uri: string, find: () => Promise<Found>): Promise<Found | { failure: InputFailure }> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof InputError) return { failure: error.failure };
    const reason = whyUnreadable(error);
    if (reason === null) throw error;
    return { failure: { code: 'data_unreachable', message: `'${uri}' cannot be read: ${reason}` } };
  }
}

/** Why an object cannot be read, for its user; null where the fault is not the object's. */
function whyUnreadable(error: unknown): string | null {
  const status = error instanceof Error && '$metadata' in error ? metadataSchema.parse(error.$metadata).httpStatusCode : 0;
  return error instanceof Error && status >= 400 && status < 500 && status !== 429 ? `${error.name}: ${error.message}` : null;
}

/** Of every error of the SDK. */
const metadataSchema = z.object({ httpStatusCode: z.int().default(0) });
