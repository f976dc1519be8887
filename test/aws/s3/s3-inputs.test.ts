import { expect, test } from 'vitest';
import { S3Contents } from '#s3/s3-contents.ts';
import { S3Inputs } from '#s3/s3-inputs.ts';
import { openBucket } from '../../support/s3-world.ts';

const files = (uri: string) => ({ kind: 'files' as const, uri, files: [] });

test('refuses data outside the named places by the setting, and what is no object storage', async () => {
  const world = await openBucket();
  const inputs = new S3Inputs({ ...world, contents: world, places: { data: [`s3://${world.bucket}/data/`] } });

  for (const uri of [`s3://${world.bucket}/secret/a.jsonl`, 's3://other/data/a.jsonl'])
    expect(await inputs.pin(files(uri))).toEqual({
      failure: { code: 'data_unreachable', message: expect.stringMatching(/storage\.data/) },
    });
  expect(await inputs.pin(files('data/poems.jsonl'))).toEqual({
    failure: { code: 'data_unreachable', message: expect.stringContaining(`s3:// below s3://${world.bucket}/data/`) },
  });
});

test('pins stored rows by their hash, under the name that their user gave', async () => {
  const world = await openBucket();
  const inputs = new S3Inputs({ ...world, contents: world });
  const { sha256 } = await new S3Contents(world).put('{"text":"a"}\n');

  expect(await inputs.pin(files(`session:s-1@${sha256}`))).toEqual({
    dataset: {
      ...files(`session:s-1@${sha256}`),
      files: [{ path: 's-1.jsonl', sizeBytes: 13, sha256, location: `s3://${world.bucket}/contents/${sha256}.jsonl`, split: 'train' }],
    },
  });
});

test('says so where a bucket is not there or may not be read', async () => {
  const world = await openBucket();
  const inputs = new S3Inputs({ ...world, contents: world, places: { data: ['s3://no-such-bucket-of-ours/'] } });

  expect(await inputs.pin(files('s3://no-such-bucket-of-ours/a.jsonl'))).toEqual({
    failure: { code: 'data_unreachable', message: expect.stringMatching(/cannot be read: .*NoSuchBucket|NotFound/) },
  });
});
