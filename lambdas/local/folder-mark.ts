/** A file that says nothing: a worker that reads it by the same path sees this home's folders, on this machine or by a mount. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerOrders } from '#ports/worker-pool.ts';
import { hasCode } from './data-root.ts';

const MARK_BYTES = 16;

/** The same at every start of the home. */
export function openFolderMark(home: string): NonNullable<WorkerOrders['mark']> {
  const path = join(home, 'shared.mark');
  try {
    writeFileSync(path, randomBytes(MARK_BYTES).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error; // an earlier start made it
  }
  return { path, content: readFileSync(path, 'utf8') };
}
