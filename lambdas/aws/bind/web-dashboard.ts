import * as z from 'zod';
import { createHandler } from '../deployment-resource.ts';

const propertiesSchema = z.looseObject({ bucket: z.string().min(1) });

/** @param folder the dashboard of this release, beside the bundle */
export function bindWebDashboard(folder: string): (event: unknown) => Promise<void> {
  const open = async (properties: unknown) => {
    const [{ openS3 }, files] = await Promise.all([import('../open/s3.ts'), import('../place-dashboard.ts')]);
    return { client: openS3(), bucket: propertiesSchema.parse(properties).bucket, ...files };
  };
  return createHandler(
    async (properties) => {
      const { client, bucket, placeDashboard } = await open(properties);
      await placeDashboard(client, bucket, folder);
    },
    async (properties) => {
      const { client, bucket, emptyBucket } = await open(properties);
      await emptyBucket(client, bucket);
    },
  );
}
