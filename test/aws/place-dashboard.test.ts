import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { beforeEach, expect, test } from 'vitest';
import { emptyBucket, placeDashboard } from '#aws/place-dashboard.ts';
import { makeS3Client, uniqueName } from '../support/aws-clients.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const client = makeS3Client();
let bucket: string;

beforeEach(async () => {
  bucket = uniqueName('dashboard');
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
});

/** As a release brings it. */
async function place(page: string, assets: Readonly<Record<string, string>>): Promise<void> {
  const { path, remove } = await makeTemporaryFolder();
  await mkdir(join(path, 'assets'));
  await writeFile(join(path, 'index.html'), page);
  for (const [name, content] of Object.entries(assets)) await writeFile(join(path, 'assets', name), content);
  await placeDashboard(client, bucket, path);
  await remove();
}

async function look(Key: string) {
  const { Body, ContentType, CacheControl } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
  return { content: await Body?.transformToString(), type: ContentType, kept: CacheControl };
}

const names = async () => ((await client.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map(({ Key }) => Key);

test('a file says what it is and how long it may be kept; the page is asked for each time', async () => {
  await place('<p>one</p>', { 'app-1.js': 'one()', 'app-1.css': 'p {}' });

  expect(await look('index.html')).toEqual({ content: '<p>one</p>', type: 'text/html; charset=utf-8', kept: 'no-cache' });
  expect(await look('assets/app-1.js')).toEqual({
    content: 'one()',
    type: 'text/javascript; charset=utf-8',
    kept: 'public, max-age=31536000, immutable',
  });
  expect((await look('assets/app-1.css')).type).toBe('text/css; charset=utf-8');
});

test('the next release leaves the files of the one before to the pages that are open', async () => {
  await place('<p>one</p>', { 'app-1.js': 'one()' });

  await place('<p>two</p>', { 'app-2.js': 'two()' });

  expect(await names()).toEqual(['assets/app-1.js', 'assets/app-2.js', 'index.html']);
  expect((await look('index.html')).content).toBe('<p>two</p>');
});

test('nothing is left where a stage is taken away', async () => {
  await place('<p>one</p>', { 'app-1.js': 'one()' });

  await emptyBucket(client, bucket);
  await emptyBucket(client, bucket);

  expect(await names()).toEqual([]);
});
