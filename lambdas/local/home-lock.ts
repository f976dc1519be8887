/**
 * One plane per home. The lock is SQLite's exclusive lock on a file of its own, which the kernel holds for the life of the
 * process and drops with it, whatever it dies of. `holder.json` beside it is for the sentence only.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

const holderSchema = z.object({ pid: z.int(), url: z.string().nullable(), since: z.string() });

/** A plane that is on its way out may still hold it: a restart waits that long before it is refused. */
const PATIENCE_MILLIS = 4_000;

export interface HomeLock {
  /** tells a second start where the first one answers */
  announce(url: string): void;
  release(): void;
}

/** @param who of whom there is one at a time: a worker has a home of its own. @throws Error that says who holds it */
export function lockHome(home: string, who: 'plane' | 'worker' = 'plane'): HomeLock {
  mkdirSync(home, { recursive: true });
  const holderFile = join(home, 'holder.json');
  const database = new DatabaseSync(join(home, 'lock.sqlite'));
  try {
    database.exec(`PRAGMA busy_timeout = ${PATIENCE_MILLIS}; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE`);
  } catch (error) {
    database.close();
    throw new Error(`${home} is in use by another ${who}${describeHolder(holderFile)}`, { cause: error });
  }
  const announce = (url: string | null): void =>
    writeFileSync(holderFile, JSON.stringify({ pid: process.pid, url, since: new Date().toISOString() }));
  announce(null);
  return { announce, release: () => database.close() };
}

function describeHolder(file: string): string {
  try {
    const { pid, url, since } = holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return ` (pid ${pid}, ${url === null ? 'starting' : `url ${url}`}, since ${since})`;
  } catch {
    return ''; // it holds the lock but has not written who it is yet
  }
}
