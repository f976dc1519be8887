import { S3Client } from '@aws-sdk/client-s3';
import { ObjectStore } from '#s3/object-store.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

/** A data file may take minutes to be read for its hash: only its connection is hurried. */
export const openObjectStore = (): ObjectStore => {
  const { connectionTimeout } = CLIENT_OPTIONS.requestHandler;
  return new ObjectStore(new S3Client({ ...CLIENT_OPTIONS, requestHandler: { connectionTimeout } }));
};
