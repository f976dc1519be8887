/** What a protected stack leaves standing, on purpose: here it is taken away, on purpose. */
import {
  DeleteTableCommand,
  DynamoDBClient,
  ResourceNotFoundException as TableNotFound,
  UpdateTableCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import { DeleteBucketCommand, DeleteObjectsCommand, ListObjectVersionsCommand, NoSuchBucket, S3Client } from '@aws-sdk/client-s3';
import { DeleteSecretCommand, ResourceNotFoundException as SecretNotFound, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { resourcesOf } from './deployed-stage.ts';

/** @param stack the state stack. Secrets can be brought back for a week; nothing else can. */
export async function removeState(stack: string): Promise<void> {
  for (const bucket of await resourcesOf(stack, 'AWS::S3::Bucket')) await removeBucket(bucket);
  for (const table of await resourcesOf(stack, 'AWS::DynamoDB::Table')) await removeTable(table);
  for (const secret of await resourcesOf(stack, 'AWS::SecretsManager::Secret')) await removeSecret(secret);
}

async function removeBucket(Bucket: string): Promise<void> {
  const client = new S3Client({ forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined });
  console.log(`emptying bucket ${Bucket} ...`);
  try {
    for (;;) {
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 1_000 }));
      const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
      if (Objects.length === 0) break;
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      if (Errors[0]) throw new Error(`s3://${Bucket}/${Errors[0].Key} was not removed: ${Errors[0].Code} ${Errors[0].Message}`);
    }
    await client.send(new DeleteBucketCommand({ Bucket }));
  } catch (error) {
    if (!(error instanceof NoSuchBucket)) throw error;
  }
}

async function removeTable(TableName: string): Promise<void> {
  const client = new DynamoDBClient({});
  console.log(`removing table ${TableName} ...`);
  try {
    await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
    await client.send(new DeleteTableCommand({ TableName }));
    await waitUntilTableNotExists({ client, maxWaitTime: 600 }, { TableName });
  } catch (error) {
    if (!(error instanceof TableNotFound)) throw error;
  }
}

async function removeSecret(SecretId: string): Promise<void> {
  try {
    await new SecretsManagerClient({}).send(new DeleteSecretCommand({ SecretId, RecoveryWindowInDays: 7 }));
  } catch (error) {
    if (!(error instanceof SecretNotFound)) throw error;
  }
}
