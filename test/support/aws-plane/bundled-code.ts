import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buildLambdas } from '../../../bin/build-lambdas.ts';
import { makeTemporaryFolder } from '../temporary-folder.ts';

/** The code of all functions, as their entries are bundled: content by name. */
export async function bundleCode(): Promise<Record<string, Uint8Array>> {
  const { path, remove } = await makeTemporaryFolder();
  const { folder } = await buildLambdas(join(path, 'lambdas'));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.mjs'))
    .map(({ parentPath, name }) => join(parentPath, name));
  const code = await Promise.all(files.map(async (file) => [relative(folder, file), await readFile(file)] as const));
  await remove();
  return Object.fromEntries(code);
}
