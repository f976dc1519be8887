import { S3Client } from '@aws-sdk/client-s3';
import { CLIENT_OPTIONS } from './client-options.ts';

export const openS3 = (): S3Client => new S3Client(CLIENT_OPTIONS);
