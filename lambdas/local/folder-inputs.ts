/** Training data and base models from the folders of this machine, nothing outside the data root. */
import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { toSplits } from '#domain/data-files.ts';
import type { FailureCode } from '#domain/failures.ts';
import { STORED_ROWS } from '#domain/run-request.ts';
import type { Dataset } from '#domain/training.ts';
import type { Inputs } from '#ports/inputs.ts';
import type { Clock } from '#ports/workflow.ts';
import { hasCode, isInside, isMissing, OutsideDataRoot, resolveInDataRoot } from './data-root.ts';
import { hashFile } from './file-hash.ts';
import { contentPath } from './folder-contents.ts';

const URI_SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;
/** A file that changed a moment ago may change again within one tick of its time stamp (4 ms on ext4, 2 s on FAT). */
const SETTLED_MILLISECONDS = 2_000;
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

export class FolderInputs implements Inputs {
  readonly #dataRoot: string;
  readonly #contents: string | null;
  readonly #hashFile: (path: string) => Promise<string>;
  readonly #clock: Clock;
  /** by everything that changes when a file's bytes do */
  readonly #hashes = new Map<string, string>();

  constructor(options: {
    readonly dataRoot: string;
    /** folder of the rows that users stored here */
    readonly contents?: string;
    readonly hashFile?: (path: string) => Promise<string>;
    readonly clock?: Clock;
  }) {
    this.#dataRoot = resolve(options.dataRoot);
    this.#contents = options.contents === undefined ? null : resolve(options.contents);
    this.#hashFile = options.hashFile ?? hashFile;
    this.#clock = options.clock ?? { now: Date.now };
  }

  async pin(dataset: Dataset): Promise<{ dataset: Dataset } | { failure: InputFailure }> {
    if (dataset.kind === 'hub') return { dataset };
    return orFailure(async () => {
      if (dataset.files.length > 0) for (const file of dataset.files) await this.#checkPinned(file);
      return { dataset: dataset.files.length > 0 ? dataset : { ...dataset, files: await this.#pinFiles(dataset.uri) } };
    });
  }

  async readText(path: string, maxBytes: number): Promise<{ text: string } | { problem: string }> {
    const found = await orFailure(() => this.#find(path, 'dataset_not_found'));
    if ('failure' in found) return { problem: found.failure.message };
    const { location, stats } = found;
    if (!stats.isFile()) return { problem: `'${path}' is not a file (looked at ${location})` };
    if (stats.size > maxBytes) return { problem: `'${path}' must be at most ${maxBytes} bytes, it has ${stats.size}` };
    try {
      return { text: await readFile(location, 'utf8') };
    } catch (error) {
      return { problem: `'${path}' cannot be read: ${reasonOf(error)} (looked at ${location})` };
    }
  }

  /** A stored base model: a folder below the data root. */
  locateModel(path: string): Promise<{ path: string } | { failure: InputFailure }> {
    return orFailure(async () => {
      const { location, stats } = await this.#find(path, 'model_not_found');
      if (!stats.isDirectory()) throw new InputError('model_not_found', `'${path}' is not a folder with a model (looked at ${location})`);
      return { path: location };
    });
  }

  async #pinFiles(uri: string): Promise<DataFile[]> {
    const stored = STORED_ROWS.exec(uri);
    if (stored?.[1] !== undefined && stored[2] !== undefined) return [await this.#pinStored(stored[1], stored[2])];
    const { location, stats } = await this.#find(uri, 'dataset_not_found');
    if (stats.isFile()) return [await this.#pinFile(location, stats, 'train')];
    if (!stats.isDirectory()) throw new InputError('dataset_not_found', `'${uri}' is neither a file nor a folder (looked at ${location})`);
    const splits = toSplits(await readdir(location));
    if (!splits.some(({ split }) => split === 'train')) {
      const names = splits.map(({ name }) => name).join(', ');
      const lack = splits.length === 0 ? 'no .jsonl, .json or .parquet file' : `nothing to train on, only ${names}`;
      throw new InputError('dataset_not_found', `'${uri}' holds ${lack} (looked at ${location})`);
    }
    const files: DataFile[] = [];
    for (const { name, split } of splits) {
      const entry = await this.#find(join(location, name), 'dataset_not_found');
      if (entry.stats.isFile()) files.push({ ...(await this.#pinFile(entry.location, entry.stats, split)), path: name });
    }
    return files;
  }

  /** The name is the user's, the bytes are those of the hash. */
  async #pinStored(name: string, sha256: string): Promise<DataFile> {
    const location = this.#contents === null ? null : contentPath(this.#contents, sha256);
    const stats = location === null ? null : await stat(location).catch(() => null);
    if (location === null || stats === null) throw new InputError('dataset_not_found', `the stored rows of '${name}' are not there`);
    return { path: `${name}.jsonl`, sizeBytes: stats.size, sha256, location, split: 'train' };
  }

  async #pinFile(location: string, stats: BigIntStats, split: DataFile['split']): Promise<DataFile> {
    const { sizeBytes, sha256 } = await this.#measure(location, stats);
    return { path: basename(location), sizeBytes, sha256, location, split };
  }

  /** A run goes on only with the bytes it began with. */
  async #checkPinned(file: DataFile): Promise<void> {
    const { location, stats } = await this.#findPinned(file.location);
    const now = stats.isFile() ? (await this.#measure(location, stats)).sha256 : 'of no file';
    if (now !== file.sha256) {
      throw new InputError(
        'data_changed',
        `'${file.path}' had SHA-256 ${file.sha256} when the run began, and has ${now} now (looked at ${location})`,
      );
    }
  }

  /** Stored rows lie beside the data root, and only the plane put them there. */
  async #findPinned(path: string): Promise<{ location: string; stats: BigIntStats }> {
    if (this.#contents === null || !isInside(this.#contents, path)) return this.#find(path, 'data_changed');
    const stats = await stat(path, { bigint: true }).catch((error) => {
      throw new InputError('data_changed', `'${path}' cannot be read: ${reasonOf(error)}`);
    });
    return { location: path, stats };
  }

  /** @param missing the failure's code where nothing is there */
  async #find(path: string, missing: FailureCode): Promise<{ location: string; stats: BigIntStats }> {
    if (URI_SCHEME.test(path))
      throw new InputError(
        'data_unreachable',
        `'${path}' cannot be fetched: this plane has no object store, it reads files below ${this.#dataRoot}`,
      );
    if (path.includes('\0')) throw new InputError(missing, `${JSON.stringify(path)} is no path`);
    let location = resolve(this.#dataRoot, path);
    try {
      location = await resolveInDataRoot(this.#dataRoot, path);
      const stats = await stat(location, { bigint: true });
      return { location, stats };
    } catch (error) {
      if (error instanceof OutsideDataRoot) throw new InputError('dataset_outside_root', error.message);
      if (isMissing(error))
        throw new InputError(missing, `'${path}' is not there: looked at ${location}, the data root is ${this.#dataRoot}`);
      throw new InputError('data_unreachable', `'${path}' cannot be read: ${reasonOf(error)} (looked at ${location})`);
    }
  }

  async #measure(location: string, before: BigIntStats): Promise<{ sizeBytes: number; sha256: string }> {
    const known = this.#hashes.get(identityOf(location, before));
    if (known !== undefined) return { sizeBytes: Number(before.size), sha256: known };
    let sha256: string;
    try {
      sha256 = await this.#hashFile(location);
    } catch (error) {
      throw new InputError('data_unreachable', `'${location}' cannot be read: ${reasonOf(error)}`);
    }
    const after = await stat(location, { bigint: true });
    const identity = identityOf(location, after);
    if (identity !== identityOf(location, before))
      throw new InputError('data_changed', `'${location}' was written to while it was read: wait until it is whole`);
    if (this.#clock.now() - Number(after.ctimeMs) > SETTLED_MILLISECONDS) this.#keep(identity, sha256);
    return { sizeBytes: Number(after.size), sha256 };
  }

  #keep(identity: string, sha256: string): void {
    if (this.#hashes.size >= MAX_HASHES_KEPT) this.#hashes.clear();
    this.#hashes.set(identity, sha256);
  }
}

/** ctime too: tools that copy set a file's mtime back, nobody sets its ctime. */
function identityOf(location: string, { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [location, dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function reasonOf(error: unknown): string {
  if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM')) return 'the plane has no permission';
  if (hasCode(error, 'ELOOP')) return 'its links go in a circle';
  return error instanceof Error ? error.message : String(error);
}

async function orFailure<Found>(find: () => Promise<Found>): Promise<Found | { failure: InputFailure }> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof InputError) return { failure: error.failure };
    throw error;
  }
}
