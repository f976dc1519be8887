import { S3Contents } from '#s3/s3-contents.ts';
import { openBucket } from '../support/s3-world.ts';
import { contentsContract } from './contents.contract.ts';

contentsContract(async () => {
  const world = await openBucket();
  return { contents: new S3Contents(world), close: world.close };
});
