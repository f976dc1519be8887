/** The folder that users' paths are taken relative to. Nothing outside it is read or written, whatever `..` and links say. */
import { lstat, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

export class OutsideDataRoot extends Error {
  constructor(path: string, root: string, options?: ErrorOptions) {
    super(`'${path}' leads out of the data root ${root}`, options);
    this.name = 'OutsideDataRoot';
  }
}

export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Where a path really is, every link followed. What does not exist yet is taken as it is spelt.
 * @param path relative to the root, or absolute below it
 * @throws OutsideDataRoot
 */
export async function resolveInDataRoot(root: string, path: string): Promise<string> {
  const realRoot = await realRootOf(root);
  const asked = resolve(root, path);
  if (!isInside(root, asked) && !isInside(realRoot, asked)) throw new OutsideDataRoot(path, root);
  const real = await realpathOfExisting(asked);
  if (real === null || !isInside(realRoot, real)) throw new OutsideDataRoot(path, root);
  return real;
}

/** A root keeps its place for the life of the plane; every request asks for it. */
const realRoots = new Map<string, string>();

async function realRootOf(root: string): Promise<string> {
  const known = realRoots.get(root);
  if (known !== undefined) return known;
  const real = await realpath(root);
  realRoots.set(root, real);
  return real;
}

/** @returns null where a link leads to nothing: what would be made there could be anywhere */
async function realpathOfExisting(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const isDeadLink = await lstat(path).then(
    () => true,
    (error) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
  if (isDeadLink) return null;
  const parent = await realpathOfExisting(dirname(path));
  return parent === null ? null : join(parent, path.slice(dirname(path).length));
}

/** Nothing is there, or a part of the way is no folder. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR');
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
