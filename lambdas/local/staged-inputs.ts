/**
 * Training data that lies on this machine, brought to where other machines can read it: each file once, under its hash, below `inputs/`
 * in the store. The bytes that were hashed are the bytes that are stored: the store is told their SHA-256 and refuses others.
 */
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import type { Dataset } from '#domain/training.ts';
import type { Inputs } from '#ports/inputs.ts';
import type { OpenStore } from '#s3/open-store.ts';
import type { ObjectPlace } from '#s3/storage-places.ts';

/** One put holds so much: docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
const MAX_FILE_BYTES = 5_000_000_000;

type DataFile = Extract<Dataset, { kind: 'files' }>['files'][number];
type Pinned = Awaited<ReturnType<Inputs['pin']>>;

export class StagedInputs implements Inputs {
  readonly #here: Inputs;
  readonly #store: OpenStore;

  constructor(here: Inputs, store: OpenStore) {
    this.#here = here;
    this.#store = store;
  }

  async pin(dataset: Dataset): Promise<Pinned> {
    if (dataset.kind === 'hub') return { dataset };
    const isStored =
      dataset.files.length > 0 ? dataset.files.every(({ location }) => location.startsWith('s3://')) : dataset.uri.startsWith('s3://');
    if (isStored) return this.#store.inputs.pin(dataset);
    const pinned = await this.#here.pin(dataset);
    if ('failure' in pinned || pinned.dataset.kind === 'hub') return pinned;
    const tooLarge = pinned.dataset.files.find(({ sizeBytes }) => sizeBytes > MAX_FILE_BYTES);
    if (tooLarge)
      return {
        failure: {
          code: 'data_unreachable',
          message: `'${tooLarge.path}' has ${tooLarge.sizeBytes} bytes, and a file of at most ${MAX_FILE_BYTES} is brought to the store: split it, or name it as s3://`,
        },
      };
    const files = [];
    for (const file of pinned.dataset.files) files.push({ ...file, location: await this.#stage(file) });
    return { dataset: { ...pinned.dataset, files } };
  }

  readText(path: string, maxBytes: number): ReturnType<Inputs['readText']> {
    return (path.startsWith('s3://') ? this.#store.inputs : this.#here).readText(path, maxBytes);
  }

  locateModel(path: string): ReturnType<Inputs['locateModel']> {
    return (path.startsWith('s3://') ? this.#store.inputs : this.#here).locateModel(path);
  }

  /** @returns where other machines find the file */
  async #stage({ path, location, sizeBytes, sha256 }: DataFile): Promise<string> {
    const { store, home } = this.#store;
    const place: ObjectPlace = {
      bucket: home.bucket,
      key: `${home.key === '' ? '' : `${home.key}/`}inputs/${sha256}${extname(path).toLowerCase()}`,
    };
    const there = await store.look(place);
    if (there?.sizeBytes !== sizeBytes) await store.putFile(place, { body: createReadStream(location), sizeBytes, sha256 });
    return `s3://${place.bucket}/${place.key}`;
  }
}
