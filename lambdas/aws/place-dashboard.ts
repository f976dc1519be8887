/**
 * The dashboard in its bucket. Files with a hash in their names are put first and never taken away: a page that somebody opened before a
 * release goes on asking for those that it names.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { listDashboardFiles } from '#http/dashboard-files.ts';

/** @param folder as `bin/build-web.ts` writes it */
export async function placeDashboard(client: S3Client, Bucket: string, folder: string): Promise<void> {
  for (const { name, contentType, cacheControl } of await listDashboardFiles(folder)) {
    const Body = await readFile(join(folder, name));
    await client.send(new PutObjectCommand({ Bucket, Key: name, Body, ContentType: contentType, CacheControl: cacheControl }));
  }
}

/** A bucket goes only when nothing is in it. */
export async function emptyBucket(client: S3Client, Bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) return;
    const { Errors = [] } = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })), Quiet: true } }),
    );
    const [first] = Errors;
    if (first) throw new Error(`${first.Key} stays in ${Bucket}: ${first.Code} ${first.Message}`);
  }
}
