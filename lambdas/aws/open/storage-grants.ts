import { STSClient } from '@aws-sdk/client-sts';
import type { StorageGrants } from '#ports/secrets.ts';
import type { ObjectPlace } from '#s3/storage-places.ts';
import { StsGrants } from '#s3/sts-grants.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

/** @param roleArn what machines may become, cut down to one attempt */
export async function openStorageGrants(roleArn: string, place: (key: string) => ObjectPlace): Promise<StorageGrants> {
  const sts = new STSClient(CLIENT_OPTIONS);
  return new StsGrants({ sts, roleArn, region: await sts.config.region(), endpoint: null, place });
}
