/** What a browser is sent: the bytes are promised, and nothing of the plane's own code or of a schema is among them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWeb } from '../../bin/build-web.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const FIRST_PAGE_BYTES = 30_000;
const MOST_BYTES = 60_000;

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let built: string;
let metafile: Metafile;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
  built = join(folder.path, 'dist');
  metafile = await buildWeb(built);
});
afterAll(() => folder.remove());

const outputOf = (entryPoint: string): string => {
  const found = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entryPoint);
  if (!found) throw new Error(`nothing was built of ${entryPoint}`);
  return found[0];
};

/** The files that code of these entries needs before it runs, each once. */
function filesOf(entryPoints: readonly string[]): string[] {
  const found = new Set<string>();
  const add = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { kind, path: imported } of metafile.outputs[path]?.imports ?? []) if (kind === 'import-statement') add(imported);
  };
  for (const entryPoint of entryPoints) add(outputOf(entryPoint));
  return [...found];
}

const read = (path: string): Buffer => readFileSync(join(built, 'assets', path.slice(path.lastIndexOf('/') + 1)));
const gzippedBytes = (paths: readonly string[]): number => paths.reduce((sum, path) => sum + gzipSync(read(path)).length, 0);

describe('the JavaScript of', () => {
  test.each([
    ['the list of runs', FIRST_PAGE_BYTES, ['runs/runs-page.tsx']],
    ["a run's curves", MOST_BYTES, ['run/run-page.tsx', 'charts/chart-place.tsx']],
    ["a run's log, checkpoints and files", MOST_BYTES, ['run/run-page.tsx', 'run/run-parts.tsx']],
    ['the comparison', MOST_BYTES, ['charts/chart-place.tsx']],
    ['forms, data, projects and machines', MOST_BYTES, ['shell/form-places.tsx']],
  ])('%s, with all that is drawn around it, is below %d bytes gzipped', (_, limit, entryPoints) => {
    const bytes = gzippedBytes(filesOf(['app.tsx', 'theme/first-theme.ts', ...entryPoints]));

    expect(bytes).toBeLessThan(limit);
    expect(bytes).toBeGreaterThan(10_000); // less would be no dashboard
  });
});

test('holds the page and its three libraries, and nothing of the plane, not even a schema', () => {
  const foreign = Object.keys(metafile.inputs).filter(
    (path) => path.startsWith('..') && !/^\.\.\/node_modules\/(preact|@preact\/signals|@preact\/signals-core|uplot)\//.test(path),
  );

  expect(foreign).toEqual([]);
});

test('the page names files that are there, by names that hold a hash of their content, and asks nobody else for anything', () => {
  const page = readFileSync(join(built, 'index.html'), 'utf8');
  const named = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path).filter((path) => path !== '/docs');

  expect(named).toHaveLength(4);
  for (const path of named) expect(readFileSync(join(built, path)).length, path).toBeGreaterThan(0);
  expect(named.every((path) => /^\/assets\/\w+-[A-Z0-9]{8}\.(js|css|svg)$/.test(path))).toBe(true);
  expect(page).not.toMatch(/https?:|<style|<script>|\son\w+=|style=/);
});

test('is the same, byte for byte, when it is built again', async () => {
  const again = join(folder.path, 'again');
  const second = await buildWeb(again);

  expect(Object.keys(second.outputs).sort()).toEqual(
    Object.keys(metafile.outputs)
      .map((path) => path.replace('/dist.', '/again.'))
      .sort(),
  );
});
