/** What must outlive every release: nothing here is ever replaced, and the logical ids are written out in `test/cdk/logical-ids.test.ts`. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { createArtifactBucket } from './artifact-bucket.ts';
import { NudgeQueue } from './nudge-queue.ts';
import { createPlaneSecrets, type PlaneSecrets } from './plane-secrets.ts';
import { createRunTable } from './run-table.ts';
import { tell } from './stack-outputs.ts';

export interface StateStackProps extends StackProps {
  readonly keepData: boolean;
  /** of the other stack, whose rules send nudges */
  readonly serviceStackName: string;
}

export class StateStack extends Stack {
  readonly table: Table;
  readonly bucket: Bucket;
  readonly nudges: NudgeQueue;
  readonly secrets: PlaneSecrets;

  constructor(scope: Construct, id: string, { keepData, serviceStackName, ...props }: StateStackProps) {
    super(scope, id, { ...props, terminationProtection: keepData });
    this.table = createRunTable(this, keepData);
    this.nudges = new NudgeQueue(this, 'Nudges', { serviceStackName });
    this.bucket = createArtifactBucket(this, this.nudges, keepData);
    this.secrets = createPlaneSecrets(this, keepData);
    tell(this, {
      TokenSecret: this.secrets.token.secretArn,
      TableName: this.table.tableName,
      BucketName: this.bucket.bucketName,
      NudgeQueue: this.nudges.queue.queueUrl,
      NudgeDeadLetters: this.nudges.deadLetters.queueUrl,
    });
  }
}
