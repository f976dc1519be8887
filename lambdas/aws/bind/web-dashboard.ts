import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { createHandler } from '../deployment-resource.ts';
import { CLIENT_OPTIONS } from '../open/client-options.ts';
import { emptyBucket, placeDashboard } from '../place-dashboard.ts';

const propertiesSchema = z.looseObject({ bucket: z.string().min(1) });

/** @param folder the dashboard of this release, beside the bundle */
export function bindWebDashboard(folder: string): (event: unknown) => Promise<void> {
  const client = new S3Client(CLIENT_OPTIONS);
  const bucketOf = (properties: unknown): string => propertiesSchema.parse(properties).bucket;
  return createHandler(
    (properties) => placeDashboard(client, bucketOf(properties), folder),
    (properties) => emptyBucket(client, bucketOf(properties)),
  );
}
