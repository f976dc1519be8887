import { S3Artifacts } from '#s3/s3-artifacts.ts';
import { makeS3Client } from '../support/aws-clients.ts';
import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { openBucket } from '../support/s3-world.ts';
import { artifactsContract } from './artifacts.contract.ts';

describeBoth((harden) =>
  artifactsContract(async () => {
    const world = await openBucket(harden(makeS3Client()));
    return {
      artifacts: new S3Artifacts({ ...world, prefix: 'plane/' }),
      readPublished: async (location, path) => {
        const folder = location.slice(`s3://${world.bucket}/`.length);
        const content = await world.store.get({ bucket: world.bucket, key: `${folder}/${path}` });
        if (content === null) throw new Error(`nothing at ${location}/${path}`);
        return content;
      },
      close: world.close,
    };
  }),
);
