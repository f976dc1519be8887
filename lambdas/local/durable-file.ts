/** Files that are whole or not there at all, also after the power went: written aside, synced, moved into place, the folder synced. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { hasCode } from './data-root.ts';

const TEMPORARY = /^\.put-[0-9a-f-]{36}$/;

/** A crash may leave one behind; it goes with its folder. */
export const isTemporaryName = (name: string): boolean => TEMPORARY.test(name);

/** Creates or replaces. */
export async function putFile(path: string, content: string): Promise<void> {
  await place(path, content, async (temporary) => {
    await rename(temporary, path);
    return true;
  });
}

/** @returns false where a file was there already; then nothing is written. Exactly one of many callers wins, in other processes too. */
export function putFileIfAbsent(path: string, content: string): Promise<boolean> {
  return place(path, content, async (temporary) => {
    try {
      await link(temporary, path);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    }
    return true;
  });
}

async function place(path: string, content: string, moveIn: (temporary: string) => Promise<boolean>): Promise<boolean> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = join(folder, `.put-${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    const placed = await moveIn(temporary);
    await sync(folder);
    return placed;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Makes a folder and what is missing above it, each entry synced in its parent. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  let made = dirname(first);
  await sync(made);
  for (const name of folder.slice(made.length).split(sep)) {
    if (name === '') continue;
    made = join(made, name);
    if (made !== folder) await sync(made);
  }
}

/** Brings a file's bytes, or a folder's entries, to the disk. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
