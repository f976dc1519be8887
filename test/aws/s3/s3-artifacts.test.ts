import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { S3Artifacts } from '#s3/s3-artifacts.ts';
import { makeS3Client } from '../../support/aws-clients.ts';
import { HostileAws, RULES } from '../../support/hostile-aws/hostile-aws.ts';
import { openBucket } from '../../support/s3-world.ts';

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

test('says where a key lies, below the prefix of the plane and in the bucket of a base', async () => {
  const { store } = await openBucket();
  const artifacts = new S3Artifacts({ store, bucket: 'plane-bucket', prefix: 'tuneplane/', places: { bases: [] } });

  expect(artifacts.locate('runs/run_1/framework=hf')).toBe('s3://plane-bucket/tuneplane/runs/run_1/framework=hf');
  expect(artifacts.locate('s3/team-bucket/runs/a/')).toBe('s3://team-bucket/runs/a/');
});

test('takes a base below the named places, and refuses others by the setting', async () => {
  const { store } = await openBucket();
  const artifacts = new S3Artifacts({ store, bucket: 'plane-bucket', places: { bases: ['s3://plane-bucket/', 's3://team-bucket/runs/'] } });

  expect(await artifacts.placeBase('s3://plane-bucket')).toEqual({ key: 's3/plane-bucket', note: null });
  expect(await artifacts.placeBase('s3://team-bucket/runs/aml/')).toEqual({ key: 's3/team-bucket/runs/aml', note: null });
  for (const base of ['s3://team-bucket/runs-of-others', 's3://team-bucket', 's3://foreign/runs'])
    expect(await artifacts.placeBase(base)).toEqual({ problem: expect.stringMatching(/below s3:\/\/plane-bucket\/ or .*storage\.bases/) });
  for (const base of ['runs/here', 's3://team-bucket/runs/../x', 's3://team-bucket/runs//x', 'file:///tmp'])
    expect(await artifacts.placeBase(base)).toEqual({ problem: expect.stringMatching(/must be s3:\/\/bucket\/prefix/) });
});

test('reads the bytes of a file whose store keeps no SHA-256, and finds one changed byte', async () => {
  const world = await openBucket();
  const artifacts = new S3Artifacts(world);
  await world.place('runs/run_1/weights', 'as trained');

  const verify = (content: string): Promise<string | null> =>
    artifacts.verify('runs/run_1/', [{ path: 'weights', sizeBytes: content.length, sha256: sha256(content) }]);

  expect(await verify('as trained')).toBeNull();
  expect(await verify('as Trained')).toMatch(/SHA-256/);
});

test('publishes under a folder of a named base, and nowhere else', async () => {
  const world = await openBucket();
  const artifacts = new S3Artifacts({ ...world, places: { bases: [`s3://${world.bucket}/teams/`] } });
  await artifacts.put('runs/run_1/artifacts/run_1/adapter/weights', 'x');

  const publish = (outputDir: string): Promise<string> => artifacts.publish('runs/run_1/artifacts/run_1/adapter/', outputDir);

  expect(await publish('outputs/poems/')).toBe(`s3://${world.bucket}/published/outputs/poems/adapter`);
  expect(await publish(`s3://${world.bucket}/teams/a`)).toBe(`s3://${world.bucket}/teams/a/adapter`);
  await expect(publish(`s3://${world.bucket}/runs`)).rejects.toThrow(/storage\.bases/);
  await expect(publish('../outside')).rejects.toThrow(/no folder name/);
});

test('keys that stayed, in an answer that is no error, are removed after all', async () => {
  const hostile = new HostileAws(
    1,
    RULES.filter(({ operations }) => operations.join() === 'DeleteObjects'),
  );
  const artifacts = new S3Artifacts(await openBucket(hostile.harden(makeS3Client())));
  for (let index = 0; index < 20; index++) await artifacts.put(`runs/a/${index}`, 'x');

  await artifacts.removeFolder('runs/a/');

  expect(hostile.struck.size).toBe(1);
  expect(await artifacts.list('runs/')).toEqual([]);
});
