import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { ObjectStore } from '#s3/object-store.ts';
import { makeS3Client, uniqueName } from './aws-clients.ts';

/** A new bucket. It is left where it is: the emulator forgets all when it ends. */
export async function openBucket(client: S3Client = makeS3Client()) {
  const bucket = uniqueName('bucket');
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  return {
    client,
    bucket,
    store: new ObjectStore(client),
    places: { data: [`s3://${bucket}/`], bases: [`s3://${bucket}/`] },
    /** as a user would, without a checksum of its own choosing */
    place: async (key: string, content: string): Promise<void> => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }));
    },
    close: async () => client.destroy(),
  };
}
