/** Clients for the emulator, signed as the account's root. */
import { S3Client } from '@aws-sdk/client-s3';

export const REGION = 'us-east-1';

/** Where the emulator answers is set by whoever started it. */
export const EMULATOR_VARIABLE = 'TUNEPLANE_EMULATOR_ENDPOINT';

function emulatorEndpoint(): string {
  const endpoint = process.env[EMULATOR_VARIABLE];
  if (endpoint === undefined) throw new Error(`${EMULATOR_VARIABLE} is not set: no emulator was started`);
  return endpoint;
}

/** What each client takes. The emulator lets the key `test` do everything. */
export const clientOptions = () => ({
  endpoint: emulatorEndpoint(),
  region: REGION,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

let count = 0;

/** A name that no other test of any worker has. */
export const uniqueName = (kind: string): string => `${kind}-${process.pid}-${Date.now().toString(36)}-${++count}`;

export const makeS3Client = (): S3Client => new S3Client({ ...clientOptions(), forcePathStyle: true });
