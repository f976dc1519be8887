import { S3Inputs } from '#s3/s3-inputs.ts';
import { makeS3Client } from '../support/aws-clients.ts';
import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { openBucket } from '../support/s3-world.ts';
import { inputsContract } from './inputs.contract.ts';

describeBoth((harden) =>
  inputsContract(async () => {
    const world = await openBucket(harden(makeS3Client()));
    return {
      inputs: new S3Inputs({ ...world, contents: { bucket: world.bucket } }),
      place: world.place,
      name: (path) => `s3://${world.bucket}/${path}`,
      close: world.close,
    };
  }),
);
