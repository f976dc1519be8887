import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Metafile } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { closure, measureBundles } from '../../bench/aws/bundles.ts';
import { buildLambdas, type LambdaBundles } from '../../bin/build-lambdas.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const MOST_KILOBYTES = 500;
const WITHOUT_TABLE = new Set(['default', 'trainer-build', 'web-dashboard']);

let bundles: LambdaBundles;

beforeAll(async () => {
  const { path, remove } = await makeTemporaryFolder();
  bundles = await buildLambdas(join(path, 'lambdas'));
  return remove;
});

/** Clients of the SDK that a function loads when it starts. */
function clientsOf(name: string, { outputs }: Metafile): string[] {
  const files = closure(bundles.metafile, relative(ROOT, join(bundles.folder, `${name}.mjs`)), false);
  const inputs = [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
  return [...new Set(inputs.flatMap((input) => /@aws-sdk\/client-([a-z-]+)\//.exec(input)?.[1] ?? []))].sort();
}

test('no function loads more than 500 KB before its first request', () => {
  const sizes = measureBundles(bundles.metafile, bundles.names, ROOT, bundles.folder);

  expect(sizes.length).toBeGreaterThan(10);
  for (const { name, startKilobytes } of sizes) expect(startKilobytes, name).toBeLessThanOrEqual(MOST_KILOBYTES);
});

test('a function starts with the client of the table alone, and those without a table with none', () => {
  for (const name of bundles.names) expect(clientsOf(name, bundles.metafile), name).toEqual(WITHOUT_TABLE.has(name) ? [] : ['dynamodb']);
});

test('no function compiles schemas: that takes longer than it saves', () => {
  const inputs = Object.values(bundles.metafile.outputs).flatMap(({ inputs: ofOutput }) =>
    Object.entries(ofOutput).flatMap(([input, { bytesInOutput }]) => (bytesInOutput > 0 ? [input] : [])),
  );

  expect(inputs.filter((input) => input.endsWith('zod/v4/core/compile.js'))).toEqual([]);
});

test('the pages and the dashboard lie beside the code', async () => {
  expect(await readdir(bundles.folder)).toEqual(expect.arrayContaining(['pages', 'dashboard', 'chunks', 'platform.mjs']));
  expect(await readdir(join(bundles.folder, 'dashboard'))).toContain('index.html');
});
