/** What a document says of the repository is compared with the repository. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');

test('README is under 150 lines, and its map names what is there, every folder at the top among it', () => {
  const map = /## Map\n\n```\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? '';
  const named = map
    .trim()
    .split('\n')
    .map((line) => line.split(/\s{2,}/)[0] ?? '');
  const folders = new Set(tracked.filter((path) => path.includes('/')).map((path) => `${path.split('/')[0]}/`));

  expect(read('README.md').split('\n').length).toBeLessThan(150);
  for (const path of named)
    expect(
      tracked.some((file) => file === path || file.startsWith(path)),
      path,
    ).toBe(true);
  for (const folder of [...folders].filter((name) => !name.startsWith('.')))
    expect(
      named.some((path) => path.startsWith(folder)),
      folder,
    ).toBe(true);
});

test.each(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'trainer-image/README.md'])(
  'every file that %s names in backticks is there',
  (document) => {
    const paths = [...read(document).matchAll(/`((?:bin|cli|lambdas|test|docs|examples|bench)\/[\w./*-]+)`/g)].map(
      ([, path]) => path ?? '',
    );
    const missing = paths.filter((path) => !tracked.some((file) => file.startsWith(path.split('*')[0] ?? path)));

    expect(missing).toEqual([]);
  },
);

test('nobody but the compositions reads process.env', () => {
  const readers = tracked.filter((path) => /^(lambdas|cli)\/.*\.ts$/.test(path) && /process\.env[ ,.[)]/.test(read(path)));

  // bin/tuneplane.ts makes a world of it, and each function of the AWS home is bound to it once.
  expect(readers.filter((path) => !path.startsWith('lambdas/aws/bind/'))).toEqual([]);
});

test('JSON.parse stands only beside a schema', () => {
  const parsers = tracked.filter((path) => /^lambdas\/.*\.ts$/.test(path) && read(path).includes('JSON.parse('));

  for (const path of parsers) expect(read(path), path).toMatch(/from 'zod'|schema/i);
});

test('the layer arrow is held: each layer imports only what lies below it', () => {
  const below: Record<string, readonly string[]> = {
    domain: [],
    operations: ['domain', 'ports'],
    http: ['domain', 'ports', 'operations'],
    surfaces: ['domain', 'ports', 'operations', 'http'],
  };
  const wrong = Object.entries(below).flatMap(([layer, allowed]) =>
    tracked
      .filter((path) => path.startsWith(`lambdas/${layer}/`))
      .flatMap((path) => [...read(path).matchAll(/from '#(\w+)/g)].map(([, target = '']) => ({ path, target })))
      .filter(({ target }) => target !== layer && !allowed.includes(target)),
  );

  expect(wrong).toEqual([]);
});
