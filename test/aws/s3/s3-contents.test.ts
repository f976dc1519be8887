import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { S3Contents } from '#s3/s3-contents.ts';
import { openBucket } from '../../support/s3-world.ts';

const ROWS = '{"text":"larger than a request"}\n';
const SHA256 = createHash('sha256').update(ROWS).digest('hex');

test('an upload link takes the bytes that it names', async () => {
  const contents = new S3Contents(await openBucket());

  const { url, method, headers } = await contents.openUpload(SHA256, ROWS.length);
  const answer = await fetch(url, { method, headers, body: ROWS });

  expect(answer.status).toBe(200);
  expect(await contents.get(SHA256)).toBe(ROWS);
});

test('an upload link binds hash and size: both are signed, and must be sent', async () => {
  const contents = new S3Contents(await openBucket());

  const { url, headers } = await contents.openUpload(SHA256, ROWS.length);

  expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';')).toEqual(['content-length', 'host', 'x-amz-checksum-sha256']);
  expect(headers).toEqual({
    'content-length': String(ROWS.length),
    'x-amz-checksum-sha256': Buffer.from(SHA256, 'hex').toString('base64'),
  });
});

test('an upload link takes no other bytes of that size', async () => {
  const contents = new S3Contents(await openBucket());

  const { url, method, headers } = await contents.openUpload(SHA256, ROWS.length);
  const answer = await fetch(url, { method, headers, body: ROWS.replace('larger', 'LARGER') });

  expect(answer.status).toBe(400);
  expect(await contents.get(SHA256)).toBeNull();
});
