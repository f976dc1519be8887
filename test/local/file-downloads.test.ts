/** Signed links to stored files, over real HTTP. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileDownloads } from '#local/file-downloads.ts';
import { FolderArtifacts } from '#local/folder-artifacts.ts';
import { openHomeKey } from '#local/home-key.ts';
import { SignedLinks } from '#local/signed-links.ts';
import { HandClock } from '../support/hand-clock.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const KEY = 'runs/run_a/framework=hf/artifacts/run_a/adapter/weights ü.bin';
const CONTENT = '0123456789';
const FILE = { sha256: createHash('sha256').update(CONTENT).digest('hex') };

let clock: HandClock;
let downloads: FileDownloads;
let artifacts: FolderArtifacts;
let url: string;
let close: () => Promise<void>;

beforeEach(async () => {
  const home = await makeTemporaryFolder();
  clock = new HandClock();
  artifacts = new FolderArtifacts({ root: join(home.path, 'artifacts'), dataRoot: home.path });
  downloads = new FileDownloads({ links: new SignedLinks({ key: openHomeKey(join(home.path, 'links.key')), clock }), artifacts });
  await artifacts.put(KEY, CONTENT);
  const server = createServer((request, response) => {
    if (!downloads.serve(request, response)) response.writeHead(501).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  url = `http://127.0.0.1:${address.port}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await home.remove();
  };
});
afterEach(() => close());

const fetchLink = async (link: string, init: RequestInit = {}) => {
  const response = await fetch(url + link, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

test('a link gives the bytes, under the name of the file, for an hour', async () => {
  const link = await downloads.link(KEY, FILE);

  const now = await fetchLink(link);
  clock.advance(3_600_000 - 1);
  const late = await fetchLink(link);
  clock.advance(1);
  const tooLate = await fetchLink(link);

  expect(now).toMatchObject({ status: 200, text: CONTENT });
  expect(now.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''weights%20%C3%BC.bin");
  expect(late.status).toBe(200);
  expect([tooLate.status, JSON.parse(tooLate.text)]).toMatchObject([
    403,
    { code: 'unauthorized', detail: 'the link has expired: ask for a new one' },
  ]);
});

test.each<[string, (link: string) => string]>([
  ['of another file', (link) => link.replace('weights', 'secrets')],
  ['that lasts longer', (link) => link.replace(/expires=\d+/, 'expires=99999999999')],
  ['without a signature', (link) => link.replace(/&signature=.*/, '')],
  ['with another signature', (link) => link.replace(/signature=.*/, 'signature=AAAA')],
  ['that climbs out', () => '/files/..%2f..%2fetc%2fpasswd?expires=99999999999&signature=AAAA'],
  ['with a broken percent sign', () => '/files/%E0%A4%A?expires=99999999999&signature=AAAA'],
])('a link %s is refused', async (_, change) => {
  expect((await fetchLink(change(await downloads.link(KEY, FILE)))).status).toBe(403);
});

test('a link to a file that went away says so', async () => {
  const link = await downloads.link(KEY, FILE);
  await artifacts.remove(KEY);

  expect(await fetchLink(link)).toMatchObject({ status: 404, text: expect.stringContaining('artifact_not_found') });
});

test.each([
  ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
  ['bytes=10-', 416, '', 'bytes */10'],
  ['bytes=0-1,4-5', 200, CONTENT, null],
  ['lines=1-2', 200, CONTENT, null],
])('range %s: %d', async (range, status, text, contentRange) => {
  const answer = await fetchLink(await downloads.link(KEY, FILE), { headers: { range } });

  expect([answer.status, answer.text, answer.headers.get('content-range')]).toEqual([status, text, contentRange]);
});

test('HEAD tells the size and sends nothing; other paths and methods are not ours', async () => {
  const link = await downloads.link(KEY, FILE);
  const head = await fetchLink(link, { method: 'HEAD' });

  expect([head.status, head.headers.get('content-length'), head.text]).toEqual([200, '10', '']);
  expect((await fetchLink('/runs')).status).toBe(501);
  expect((await fetchLink(link, { method: 'POST' })).status).toBe(501);
});

test('64 MiB come whole', async () => {
  const content = 'abcdefgh'.repeat(8 * 1_048_576);
  await artifacts.put('big.bin', content);

  const response = await fetch(url + (await downloads.link('big.bin', { sha256: createHash('sha256').update(content).digest('hex') })));
  const hash = createHash('sha256');
  for await (const chunk of response.body ?? []) hash.update(chunk);

  expect(hash.digest('hex')).toBe(createHash('sha256').update(content).digest('hex'));
});

test('bytes that were changed since the link was made never arrive whole', async () => {
  const link = await downloads.link(KEY, FILE);
  await artifacts.put(KEY, '0123456780');

  await expect(fetchLink(link)).rejects.toThrow();
});

test('a link says the digest of what it fetches', async () => {
  const { headers } = await fetchLink(await downloads.link(KEY, FILE), { method: 'HEAD' });

  expect(headers.get('repr-digest')).toBe(`sha-256=:${Buffer.from(FILE.sha256, 'hex').toString('base64')}:`);
  expect(headers.get('etag')).toBe(`"${FILE.sha256}"`);
});
