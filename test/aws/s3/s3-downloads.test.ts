import { expect, test } from 'vitest';
import { S3Downloads } from '#s3/s3-downloads.ts';
import { openBucket } from '../../support/s3-world.ts';

test('signs a link that fetches one file, as a download, and nothing else', async () => {
  const { client, bucket, place } = await openBucket();
  await place('runs/run_1/adapter "a".safetensors', 'weights');
  await place('runs/run_1/other', 'other');
  const downloads = new S3Downloads({ client, place: (key) => ({ bucket, key }) });

  const link = await downloads.link('runs/run_1/adapter "a".safetensors');

  const answer = await fetch(link);
  expect([answer.status, await answer.text()]).toEqual([200, 'weights']);
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="adapter _a_.safetensors"');
  expect(new URL(link).searchParams.get('X-Amz-Expires')).toBe('3600');
  expect((await fetch(link.replace(/X-Amz-Signature=[0-9a-f]{4}/, 'X-Amz-Signature=0000'))).status).toBe(403);
  expect((await fetch(link.replace('adapter%20', 'other'))).status).not.toBe(200);
});
