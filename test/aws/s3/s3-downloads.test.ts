import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { S3Downloads } from '#s3/s3-downloads.ts';
import { openBucket } from '../../support/s3-world.ts';

const KEY = 'runs/run_1/adapter "a".safetensors';
const file = (content: string) => ({ sha256: createHash('sha256').update(content).digest('hex') });

async function openDownloads() {
  const { store, bucket, place } = await openBucket();
  await place(KEY, 'weights');
  await place('runs/run_1/other', 'other');
  return { downloads: new S3Downloads({ store, place: (key) => ({ bucket, key }) }), place };
}

test('signs a link that fetches one file, as a download, and nothing else', async () => {
  const { downloads } = await openDownloads();

  const link = await downloads.link(KEY, file('weights'));

  const answer = await fetch(link);
  expect([answer.status, await answer.text()]).toEqual([200, 'weights']);
  const { searchParams } = new URL(link);
  // The emulator gives the header for the newest object and forgets it for a version: what is signed is looked at.
  expect(searchParams.get('response-content-disposition')).toBe('attachment; filename="adapter _a_.safetensors"');
  expect(searchParams.get('X-Amz-Expires')).toBe('3600');
  expect((await fetch(link.replace('adapter%20', 'other'))).status).not.toBe(200);
});

test('a link fetches the bytes that it was made for, also after others were put there', async () => {
  const { downloads, place } = await openDownloads();
  const link = await downloads.link(KEY, file('weights'));

  await place(KEY, 'changed');

  expect(await (await fetch(link)).text()).toBe('weights');
});

test('signs nothing for other bytes than those that were written, or for none', async () => {
  const { downloads } = await openDownloads();

  await expect(downloads.link(KEY, file('as trained'))).rejects.toMatchObject({ code: 'artifact_corrupt' });
  await expect(downloads.link('runs/run_1/gone', file('x'))).rejects.toMatchObject({ code: 'artifact_unavailable' });
});
