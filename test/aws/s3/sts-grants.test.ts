/** Grants by the emulator's own token service, with its IAM on: what an attempt may do, and what it may not. */
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { STSClient } from '@aws-sdk/client-sts';
import { beforeAll, expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import type { BaseModel } from '#domain/training.ts';
import type { StorageGrant } from '#ports/secrets.ts';
import { S3SignedObjects } from '#s3/s3-signed-objects.ts';
import { StsGrants } from '#s3/sts-grants.ts';
import { clientOptions, REGION, uniqueName } from '../../support/aws-clients.ts';
import { aRun } from '../../support/builders.ts';
import { openBucket } from '../../support/s3-world.ts';

const run = aRun();
/** As the plane's own: everything in the store. The session policy is what cuts it down. */
const ROLE = {
  name: uniqueName('grants'),
  trust: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }] },
  policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] },
};
let roleArn = '';
beforeAll(async () => {
  const iam = new IAMClient(clientOptions());
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: ROLE.name, AssumeRolePolicyDocument: JSON.stringify(ROLE.trust) }));
  await iam.send(new PutRolePolicyCommand({ RoleName: ROLE.name, PolicyName: 'store', PolicyDocument: JSON.stringify(ROLE.policy) }));
  roleArn = Role?.Arn ?? '';
});
const FORBIDDEN = { $metadata: { httpStatusCode: 403 } };
const KEY = `runs/${run.id}/framework=hf`;

async function aGrant(by: 'role' | 'user' = 'role', baseOf: (bucket: string) => BaseModel = () => run.training.baseModel) {
  const world = await openBucket();
  const place = (key: string) => ({ bucket: world.bucket, key });
  const grants = new StsGrants({
    sts: new STSClient(clientOptions()),
    roleArn: by === 'role' ? roleArn : null,
    region: REGION,
    endpoint: clientOptions().endpoint,
    place,
  });
  const grant = await grants.for({ ...run, folder: KEY, training: { ...run.training, baseModel: baseOf(world.bucket) } }, 1);
  if (grant === null) throw new Error('no grant');
  return { ...world, grant };
}

const clientOf = ({ accessKeyId, secretAccessKey, sessionToken }: StorageGrant): S3Client =>
  new S3Client({ ...clientOptions(), credentials: { accessKeyId, secretAccessKey, sessionToken }, forcePathStyle: true });

test.each(['role', 'user'] as const)('a %s gives credentials for an hour', async (by) => {
  const { grant, bucket, close } = await aGrant(by);

  expect(Date.parse(grant.expiresAt) - Date.now()).toBeGreaterThan(3_500_000);
  expect(Date.parse(grant.expiresAt) - Date.now()).toBeLessThan(3_700_000);
  await clientOf(grant).send(
    new PutObjectCommand({ Bucket: bucket, Key: `${KEY}/attempts/${attemptName(run.id, 1)}/progress.json`, Body: '{}' }),
  );
  await close();
});

test('a run folder that is a path needs none', async () => {
  const grants = new StsGrants({ sts: new STSClient(clientOptions()), roleArn: null, region: REGION, endpoint: null, place: () => null });

  expect(await grants.for(run, 1)).toBeNull();
});

test('a link puts an object once, and another reads it', async () => {
  const { store, bucket, close } = await openBucket();
  const signed = new S3SignedObjects({ store, place: (key) => ({ bucket, key }) });
  const [put, get] = [await signed.putOnce('mail/claim.json'), await signed.get('mail/claim.json')];

  const statuses = [];
  for (const body of ['first', 'second']) statuses.push((await fetch(put.url, { method: 'PUT', headers: put.headers, body })).status);
  const withoutHeader = await fetch(put.url, { method: 'PUT', body: 'third' });

  expect(statuses).toEqual([200, 412]);
  expect(withoutHeader.status).not.toBe(200);
  expect(await (await fetch(get.url)).text()).toBe('first');
  await close();
});

test('nothing beyond the attempt can be read or written with it', async () => {
  const { grant, bucket, close, place } = await aGrant();
  await place('runs/another/secret.json', '{}');
  const client = clientOf(grant);

  for (const command of [
    new GetObjectCommand({ Bucket: bucket, Key: 'runs/another/secret.json' }),
    new PutObjectCommand({ Bucket: bucket, Key: `${KEY}/attempts/${attemptName(run.id, 2)}/progress.json`, Body: '{}' }),
  ])
    await expect(client.send(command as never)).rejects.toMatchObject(FORBIDDEN);
  await close();
});

test('a base that another run made is listed and read, and what lies beside it is not', async () => {
  const folder = `runs/another/framework=hf/artifacts/another/adapter`;
  const made = (bucket: string): BaseModel => ({
    kind: 'made',
    id: 'run_another',
    form: 'adapter',
    folder: `s3://${bucket}/${folder}`,
    base: { kind: 'path', path: `s3://${bucket}/bases/m` },
  });
  const { grant, bucket, close, place } = await aGrant('role', made);
  for (const key of [`${folder}/adapter_config.json`, 'bases/m/config.json', `${folder}-private/a`]) await place(key, '{}');
  const client = clientOf(grant);
  const list = (Prefix: string) => client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }));

  for (const base of [folder, 'bases/m']) {
    const { Contents = [] } = await list(`${base}/`);
    expect(Contents).toHaveLength(1);
    await client.send(new GetObjectCommand({ Bucket: bucket, Key: Contents[0]?.Key ?? '' }));
    await expect(client.send(new PutObjectCommand({ Bucket: bucket, Key: `${base}/a`, Body: '' }))).rejects.toMatchObject(FORBIDDEN);
  }
  await expect(list(`${folder}-private/`)).rejects.toMatchObject(FORBIDDEN);
  await expect(client.send(new GetObjectCommand({ Bucket: bucket, Key: `${folder}-private/a` }))).rejects.toMatchObject(FORBIDDEN);
  await close();
});
