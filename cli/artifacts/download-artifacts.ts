/** `artifacts download`: what is meant, file by file, with one line of progress. */
import { resolve } from 'node:path';
import { CommandFailure, usageFailure } from '../exit-code.ts';
import { TransferDisplay } from '../follow/transfer-display.ts';
import { findRunId } from '../plane/find-run.ts';
import { type Artifact, listArtifacts } from '../plane/runs.ts';
import type { Session } from '../session.ts';
import { describeBytes, describeCount } from '../text/words.ts';
import { downloadFile, type RemoteFile } from './download-file.ts';

/** @param what kinds or files; empty: every result */
export async function downloadArtifacts(
  session: Session,
  reference: string,
  what: readonly string[],
  output: string | null,
): Promise<void> {
  const plane = await session.plane();
  const id = await findRunId(plane, reference);
  const files = chooseFiles(id, await listArtifacts(plane, id), what);
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

function chooseFiles(id: string, artifacts: readonly Artifact[], what: readonly string[]): RemoteFile[] {
  const results = artifacts.filter(({ files }) => files.length > 0);
  const all = results.flatMap(({ files }) => files);
  if (all.length === 0)
    throw new CommandFailure('artifact_not_found', `${id} has no result to fetch yet`, {
      remedy: `"tuneplane show ${id}" says how far it is`,
    });
  const chosen = what.flatMap((name) => {
    const found = results.find(({ type, id: own }) => type === name || own === name)?.files ?? all.filter(({ path }) => path === name);
    if (found.length > 0) return found;
    throw usageFailure(
      `${id} has no '${name}' to fetch; it has ${results.map(({ type }) => type).join(', ')}`,
      `"tuneplane artifacts ls ${id}" lists every file`,
    );
  });
  for (const { path } of chosen.length > 0 ? chosen : all) checkPath(path);
  return [...new Map((what.length > 0 ? chosen : all).map((file) => [file.path, file])).values()];
}

/** The plane names the files: none may lead out of the folder. */
function checkPath(path: string): void {
  if (path.startsWith('/') || path.split('/').some((part) => part === '..' || part === ''))
    throw new CommandFailure('strange_answer', `the plane names a file '${path}', which would lie outside the folder`);
}
