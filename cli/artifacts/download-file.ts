/**
 * One file, from a link to its place on the disk. The bytes go to `<file>.part`; what broke off goes on from there by a range; the file gets its
 * name only when its SHA-256 is the one that the plane says. A link is good for an hour and carries a right of its own: the token stays at home.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandFailure, Interrupted } from '../exit-code.ts';
import type { PlaneClient } from '../plane/plane-client.ts';

export interface RemoteFile {
  /** of the plane: answers with a redirect to the bytes */
  readonly href: string;
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

/** What the part on the disk began as may be of other bytes: then it is fetched once more, from the start. */
const TRIES = 2;

/**
 * @param target absolute
 * @param onBytes told how many bytes of the file are there, again and again
 * @returns whether anything was fetched; false: the file was there already, whole
 * @throws CommandFailure `artifact_corrupt`; PlaneAway, PlaneRefusal, Interrupted
 */
export async function downloadFile(
  plane: PlaneClient,
  file: RemoteFile,
  target: string,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  if ((await sizeOf(target)) === file.size_bytes && (await hashOf(target)) === file.sha256) return false;
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  let furthest = 0;
  const note = (bytes: number): void => {
    furthest = bytes;
    onBytes(bytes);
  };
  for (let tries = 1; ; tries++) {
    await plane.patiently(
      () => fetchRest(plane, file, part, note),
      () => furthest,
    );
    const found = await hashOf(part);
    if (found === file.sha256) break;
    await rm(part, { force: true });
    if (tries === TRIES)
      throw new CommandFailure('artifact_corrupt', `the bytes of ${file.path} have SHA-256 ${found}, and the plane says ${file.sha256}`, {
        remedy: 'what is stored may be damaged: look at the disk of the plane',
      });
  }
  await rename(part, target);
  return true;
}

async function fetchRest(plane: PlaneClient, file: RemoteFile, part: string, onBytes: (bytes: number) => void): Promise<void> {
  let offset = (await sizeOf(part)) ?? 0;
  if (offset > file.size_bytes) offset = 0;
  if (offset === file.size_bytes && offset > 0) return onBytes(offset);
  const link = await findLink(plane, file);
  try {
    const response = await fetch(link, {
      signal: plane.interrupted,
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    });
    if (response.status === 416) return; // the part is of another file: its hash will say so
    if (response.status !== 200 && response.status !== 206) throw refusal(file, response.status);
    if (response.status === 200) offset = 0; // the whole of it, whatever was asked for
    onBytes(offset);
    await append(response.body ?? [], part, offset, onBytes);
  } catch (error) {
    if (plane.interrupted.aborted) throw new Interrupted(`left ${file.path} unfinished: the same command goes on with it`);
    throw plane.away(error);
  }
}

/** Piece by piece, so that all that came before it broke off is there to go on from. */
async function append(
  bytes: AsyncIterable<Uint8Array> | readonly Uint8Array[],
  part: string,
  offset: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const file = await open(part, offset === 0 ? 'w' : 'a');
  try {
    let count = offset;
    for await (const chunk of bytes) {
      await file.writeFile(chunk);
      count += chunk.length;
      onBytes(count);
    }
  } finally {
    await file.close();
  }
}

async function findLink(plane: PlaneClient, { href, path }: RemoteFile): Promise<URL> {
  const { status, headers } = await plane.answer({ method: 'GET', path: href });
  const location = headers.get('location');
  if (status === 302 && location !== null) return new URL(location, plane.url);
  throw new CommandFailure('strange_answer', `the plane gave no link to ${path}, it answered ${status}`);
}

const refusal = ({ path }: RemoteFile, status: number): CommandFailure =>
  new CommandFailure('artifact_unavailable', `the link to ${path} was answered ${status}`, {
    remedy: status === 404 ? 'the file is not stored any more' : 'try again: a link is good for an hour',
  });

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** @returns hexadecimal */
async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
