/** `artifacts download`: what is meant, file by file, with one line of progress. */
import { resolve } from 'node:path';
import { TransferDisplay } from '../follow/transfer-display.ts';
import { findRunId } from '../plane/find-run.ts';
import type { Session } from '../session.ts';
import { describeBytes, describeCount } from '../text/words.ts';
import { chooseFiles } from './choose-files.ts';
import { downloadFile, type RemoteFile } from './download-file.ts';

/** @param what as `chooseFiles` reads it */
export async function downloadArtifacts(
  session: Session,
  reference: string,
  what: readonly string[],
  output: string | null,
): Promise<void> {
  const plane = await session.plane();
  const id = await findRunId(plane, reference);
  const files = await chooseFiles(plane, id, what);
  const folder = resolve(session.world.workingFolder, output ?? id);
  const total = files.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const display = new TransferDisplay(session, total);
  const fetched: (RemoteFile & { readonly fetched: boolean })[] = [];
  try {
    let done = 0;
    for (const file of files) {
      const isNew = await downloadFile(plane, file, resolve(folder, file.path), (bytes) => display.show(file.path, done + bytes));
      done += file.size_bytes;
      fetched.push({ ...file, fetched: isNew });
    }
  } finally {
    display.end();
  }
  session.print(
    'artifacts download',
    { folder, files: fetched.map(({ path, size_bytes, sha256, fetched: isNew }) => ({ path, size_bytes, sha256, fetched: isNew })) },
    (colors) => {
      const present = fetched.filter((file) => !file.fetched).length;
      const lines = fetched.map(
        (file) => `  ${file.path}  ${colors.dim(`${describeBytes(file.size_bytes)}${file.fetched ? '' : ', was there'}`)}`,
      );
      const head = `${describeCount(files.length - present, 'file')} fetched, every SHA-256 verified, in ${folder}`;
      return [head, ...lines].join('\n');
    },
  );
}
