/**
 * Run folders, stored rows, data sets: everything that is a file. A put of a report or a manifest rings the queue of nudges.
 *
 * Versions are there so that a link fetches the bytes that it was made for. A live run puts its report, the newest log chunk and the newest
 * metrics again every 30 s, so what is not current goes after a day: 2,880 versions of 100 KB are 0.3 GB a run, and not 8 GB a month.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  HttpMethods,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import type { CfnQueuePolicy } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { NOTIFYING_SUFFIXES } from '#aws/notifying-keys.ts';
import type { NudgeQueue } from './nudge-queue.ts';

export function createArtifactBucket(scope: Construct, nudges: NudgeQueue, keepData: boolean): Bucket {
  const bucket = new Bucket(scope, 'Artifacts', {
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    versioned: true,
    removalPolicy: keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    // The dashboard puts large data sets by signed links. Its address is known later than this bucket; what opens the bucket is the signature.
    cors: [{ allowedMethods: [HttpMethods.PUT], allowedOrigins: ['*'], allowedHeaders: ['*'], maxAge: 3_600 }],
    lifecycleRules: [
      {
        id: 'what-is-not-current',
        noncurrentVersionExpiration: Duration.days(1),
        expiredObjectDeleteMarker: true,
        abortIncompleteMultipartUploadAfter: Duration.days(7),
      },
      // Checkpoints of last month are seldom read, and cost 45% less for it; S3 leaves objects below 128 KB where they are.
      { id: 'what-is-seldom-read', transitions: [{ storageClass: StorageClass.INTELLIGENT_TIERING, transitionAfter: Duration.days(30) }] },
    ],
  });
  notify(bucket, nudges);
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'server access logs keep query strings, and with them the signatures of links; CloudTrail data events tell the same without them',
  });
  return bucket;
}

/** Written into the bucket itself: the library's own way is a custom resource, a function with the right to change any bucket. */
function notify(bucket: Bucket, { queue }: NudgeQueue): void {
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.notificationConfiguration = {
    queueConfigurations: NOTIFYING_SUFFIXES.map((value) => ({
      event: 's3:ObjectCreated:*',
      queue: queue.queueArn,
      filter: { s3Key: { rules: [{ name: 'suffix', value }] } },
    })),
  };
  // S3 tries the queue when the bucket is made.
  resource.addResourceDependency(queue.node.findChild('Policy').node.defaultChild as CfnQueuePolicy);
}
