import { S3Inputs } from '#s3/s3-inputs.ts';
import { openBucket } from '../support/s3-world.ts';
import { inputsContract } from './inputs.contract.ts';

inputsContract(async () => {
  const world = await openBucket();
  return {
    inputs: new S3Inputs({ ...world, contents: { bucket: world.bucket } }),
    place: world.place,
    name: (path) => `s3://${world.bucket}/${path}`,
    close: world.close,
  };
});
