import { S3Contents } from '#s3/s3-contents.ts';
import { makeS3Client } from '../support/aws-clients.ts';
import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { openBucket } from '../support/s3-world.ts';
import { contentsContract } from './contents.contract.ts';

describeBoth((harden) =>
  contentsContract(async () => {
    const world = await openBucket(harden(makeS3Client()));
    return { contents: new S3Contents(world), close: world.close };
  }),
);
