import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDashboardFiles, type DashboardFiles } from '#http/dashboard-files.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let files: DashboardFiles;
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  files = createDashboardFiles(join(folder.path, 'dist'));
});
afterEach(() => folder.remove());

function build(): void {
  mkdirSync(join(folder.path, 'dist', 'assets'), { recursive: true });
  writeFileSync(join(folder.path, 'dist', 'index.html'), '<!doctype html><title>Tuneplane</title>');
  writeFileSync(join(folder.path, 'dist', 'assets', 'app-AB12.js'), `${'let x = 1;'.repeat(100)}`);
  writeFileSync(join(folder.path, 'secret.txt'), 'nobody reads this');
}

describe('the built dashboard', () => {
  test('is a page that may run nothing but its own files, and is asked for again each time', async () => {
    build();

    const page = await files.page({});

    expect(page).toMatchObject({ status: 200, contentType: 'text/html; charset=utf-8', headers: { 'cache-control': 'no-cache' } });
    const policy = page?.headers?.['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(await files.page({ 'if-none-match': page?.headers?.['etag'] })).toMatchObject({ status: 304 });
  });

  test('has assets that a browser keeps for good, compressed for those who can read that', async () => {
    build();

    const asset = await files.asset('app-AB12.js', { 'accept-encoding': 'gzip, br' });

    expect(asset).toMatchObject({
      status: 200,
      contentType: 'text/javascript; charset=utf-8',
      headers: { 'cache-control': 'public, max-age=31536000, immutable', 'content-encoding': 'gzip', 'x-content-type-options': 'nosniff' },
    });
    expect(Buffer.byteLength(asset?.raw ?? '')).toBeLessThan(200);
  });

  test.each(['app-CD34.js', '../index.html', '../../secret.txt', '..%2f..%2fsecret.txt', '', '__proto__'])(
    'knows no asset %j',
    async (name) => {
      build();

      expect(await files.asset(name, {})).toBeUndefined();
    },
  );

  test('that was not built is not there, and is there once it is', async () => {
    expect([await files.page({}), await files.asset('app-AB12.js', {})]).toEqual([undefined, undefined]);

    build();

    expect(await files.page({})).toMatchObject({ status: 200 });
  });
});
