/**
 * Run folders in a folder of this machine. The trainer, another process, writes into the same folders by the same rule:
 * a file is written aside and moved into place, so that whoever reads sees a whole one.
 */
import { renameSync } from 'node:fs';
import { constants, copyFile, mkdir, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFileKey, checkPrefix, IN_BUCKETS, isPlainName, partsOfKey } from '#domain/object-keys.ts';
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import { hasCode, isInside, isMissing, OutsideDataRoot, resolveInDataRoot } from './data-root.ts';
import { isTemporaryName, makeFolder, putFile, putFileIfAbsent, sync } from './durable-file.ts';
import { hashFile } from './file-hash.ts';

/** Reading and hashing take turns on one file; four keep disk and processor busy. */
const FILES_AT_ONCE = 4;
/** Keys that begin so lie elsewhere than the rest: bases that users named. */
const IN_DATA_ROOT = 'data-root';

export class FolderArtifacts implements Artifacts {
  readonly #root: string;
  readonly #dataRoot: string;
  readonly #buckets: string;
  #publishing: Promise<unknown> = Promise.resolve();

  /**
   * @param root where the keys lie
   * @param dataRoot what published paths are relative to, and may not leave
   * @param buckets folder that stands for object storage, a folder a bucket; default: beside the root
   */
  constructor({ root, dataRoot, buckets }: { readonly root: string; readonly dataRoot: string; readonly buckets?: string }) {
    this.#root = resolve(root);
    this.#dataRoot = resolve(dataRoot);
    this.#buckets = resolve(buckets ?? join(root, '..', 's3'));
  }

  /** @throws Error for a key that could leave the root: each part of it must be a plain name */
  locate(key: string): string {
    const parts = partsOfKey(key);
    const [first, ...rest] = parts;
    if (first === IN_DATA_ROOT) return join(this.#dataRoot, ...rest);
    if (first === IN_BUCKETS) return join(this.#buckets, ...rest);
    return join(this.#root, ...parts);
  }

  put(key: string, content: string): Promise<void> {
    return putFile(this.#locateFile(key), content);
  }

  putIfAbsent(key: string, content: string): Promise<boolean> {
    return putFileIfAbsent(this.#locateFile(key), content);
  }

  async get(key: string): Promise<string | null> {
    try {
      return await readFile(this.#locateFile(key), 'utf8');
    } catch (error) {
      if (isMissing(error) || hasCode(error, 'EISDIR')) return null;
      throw error;
    }
  }

  async list(prefix: string): Promise<string[]> {
    const folder = this.#locateFolder(prefix);
    return (await filesBelow(folder)).map((path) => prefix + path);
  }

  async removeFolder(prefix: string): Promise<void> {
    await rm(this.#locateFolder(prefix), { recursive: true, force: true });
  }

  async remove(key: string): Promise<void> {
    await rm(this.#locateFile(key), { force: true });
  }

  async verify(prefix: string, files: readonly StoredFile[]): Promise<string | null> {
    this.#locateFolder(prefix);
    for (let start = 0; start < files.length; start += FILES_AT_ONCE) {
      const faults = await Promise.all(files.slice(start, start + FILES_AT_ONCE).map((file) => this.#compare(prefix, file)));
      const first = faults.find((fault) => fault !== null);
      if (first !== undefined) return first;
    }
    return null;
  }

  async placeBase(base: string): Promise<{ key: string; note: string | null } | { problem: string }> {
    if (base.includes('\0') || base.includes('\\')) return { problem: 'must not hold NUL or backslash' };
    const bucketPath = /^s3:\/\/(.+)$/.exec(base)?.[1]?.replace(/\/+$/, '');
    if (bucketPath !== undefined) {
      if (!bucketPath.split('/').every(isPlainName))
        return { problem: `must be s3://bucket/prefix of plain names, got '${base.slice(0, 60)}'` };
      const key = `${IN_BUCKETS}/${bucketPath}`;
      return { key, note: `no object store is configured: '${base}' is kept in ${this.locate(key)}` };
    }
    const path = toPath(base);
    if (path === null) return { problem: `must be a path below the data root, file:// or s3://, got '${base.slice(0, 60)}'` };
    try {
      const real = await resolveInDataRoot(this.#dataRoot, path);
      const below = relative(await realpath(this.#dataRoot), real);
      return { key: below === '' ? IN_DATA_ROOT : `${IN_DATA_ROOT}/${below.split(sep).join('/')}`, note: null };
    } catch (error) {
      if (error instanceof OutsideDataRoot) return { problem: `must stay below the data root, got '${base.slice(0, 60)}'` };
      throw error;
    }
  }

  publish(prefix: string, outputDir: string | null): Promise<string> {
    const source = this.#locateFolder(prefix);
    if (outputDir === null) return this.#toPublicPath(source);
    // One at a time: two runs with one output folder would copy into each other.
    const published = this.#publishing.then(() => this.#copyOut(source, outputDir));
    this.#publishing = published.catch(() => undefined); // whoever called has the error
    return published;
  }

  async #copyOut(source: string, outputDir: string): Promise<string> {
    const folder = await resolveInDataRoot(this.#dataRoot, outputDir);
    const files = await filesBelow(source);
    if (files.length === 0) throw new Error(`there is nothing to publish in ${source}`);
    const name = basename(source);
    const target = join(folder, name);
    const incoming = join(folder, `.${name}.incoming`);
    const outgoing = join(folder, `.${name}.outgoing`);
    await makeFolder(folder);
    await Promise.all([incoming, outgoing].map((leftover) => rm(leftover, { recursive: true, force: true })));
    await copyFolder(source, files, incoming);
    // No await between the two: nobody in this process sees the moment without a target. After a crash there, publishing again mends it.
    moveAway(target, outgoing);
    renameSync(incoming, target);
    await sync(folder);
    await rm(outgoing, { recursive: true, force: true });
    return `${outputDir.replace(/\/+$/, '')}/${name}`; // as its user spells the folder
  }

  async #compare(prefix: string, { path, sizeBytes, sha256 }: StoredFile): Promise<string | null> {
    if (!path.split('/').every(isPlainName)) return `'${path}' is no path within its folder`;
    const location = this.#locateFile(prefix + path);
    try {
      const found = await stat(location);
      if (!found.isFile()) return `'${path}' is not a file`;
      if (found.size !== sizeBytes) return `'${path}' has ${found.size} bytes where ${sizeBytes} were written`;
      const hash = await hashFile(location);
      return hash === sha256 ? null : `'${path}' has SHA-256 ${hash} where ${sha256} was written`;
    } catch (error) {
      if (isMissing(error)) return `'${path}' is not there`;
      throw error;
    }
  }

  async #toPublicPath(path: string): Promise<string> {
    const [real, realRoot] = await Promise.all([realpath(path), realpath(this.#dataRoot)]);
    return isInside(realRoot, real) ? relative(realRoot, real) : path;
  }

  #locateFile(key: string): string {
    return this.locate(checkFileKey(key));
  }

  #locateFolder(prefix: string): string {
    return this.locate(checkPrefix(prefix));
  }
}

/** @returns null where it is neither a path nor a file: URL of this machine */
function toPath(base: string): string | null {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(base)) return base;
  try {
    return base.startsWith('file:') ? fileURLToPath(base) : null;
  } catch {
    return null; // another host, or an encoded slash
  }
}

/** Paths of the plain files, relative to the folder; links are not followed, and what goes away meanwhile is not there. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (entry.isDirectory()) return (await filesBelow(join(folder, entry.name))).map((path) => `${entry.name}/${path}`);
      return entry.isFile() && !isTemporaryName(entry.name) ? [entry.name] : [];
    }),
  );
  return found.flat();
}

/** Copies files and brings them to the disk; where the file system can, the copies share their blocks. */
async function copyFolder(source: string, files: readonly string[], target: string): Promise<void> {
  const folders = new Set([target, ...files.map((path) => dirname(join(target, path)))]);
  for (const folder of folders) await mkdir(folder, { recursive: true });
  for (const path of files) {
    await copyFile(join(source, path), join(target, path), constants.COPYFILE_FICLONE);
    await sync(join(target, path));
  }
  for (const folder of folders) await sync(folder);
}

function moveAway(path: string, to: string): void {
  try {
    renameSync(path, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
