/** Clients for the emulator, signed as the account's root. */
import { S3Client } from '@aws-sdk/client-s3';
import { inject } from 'vitest';

export const REGION = 'us-east-1';

/** What each client takes. The emulator lets the key `test` do everything. */
export const clientOptions = () => ({
  endpoint: inject('awsEndpoint'),
  region: REGION,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

let count = 0;

/** A name that no other test of any worker has. */
export const uniqueName = (kind: string): string => `${kind}-${process.pid}-${Date.now().toString(36)}-${++count}`;

export const makeS3Client = (): S3Client => new S3Client({ ...clientOptions(), forcePathStyle: true });
