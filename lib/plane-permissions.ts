/**
 * What each function may do, by what it needs of the world. Written here once, and once more in `test/cdk/permissions.test.ts`: a right that
 * is added shows there, and one that is missing shows in `npm run test:deploy`, where every call is checked.
 */
import type { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { Effect, type IGrantable, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';

type Actions = readonly [string, ...string[]];

export function allow(to: IGrantable, actions: Actions, ...resources: string[]): void {
  to.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources }));
}

/** Reads and writes by key; nothing can scan the table, or change what it is. */
export function grantTable(to: IGrantable, table: Table): void {
  allow(
    to,
    [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:ConditionCheckItem',
    ],
    table.tableArn,
    `${table.tableArn}/index/*`,
  );
}

/** A place in object storage: a bucket, and the part of it that counts. */
export interface StorageArea {
  readonly bucketArn: string;
  /** empty, or ends in '/' */
  readonly prefix: string;
}

export const areaOfBucket = ({ bucketArn }: Bucket): StorageArea => ({ bucketArn, prefix: '' });

/** `s3://bucket/prefix/` of the settings. */
export function areaOfUri(uri: string, partition: string): StorageArea {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(uri) ?? [];
  return { bucketArn: `arn:${partition}:s3:::${bucket}`, prefix };
}

/** Reading needs the right to list: without it S3 says 403 of a key that is not there. */
export function grantRead(to: IGrantable, areas: readonly StorageArea[]): void {
  if (areas.length === 0) return;
  allow(to, ['s3:GetObject', 's3:GetObjectVersion'], ...areas.map(objectsOf));
  allow(to, ['s3:ListBucket'], ...new Set(areas.map(({ bucketArn }) => bucketArn)));
}

export function grantWrite(to: IGrantable, areas: readonly StorageArea[]): void {
  allow(to, ['s3:PutObject'], ...areas.map(objectsOf));
}

export function grantRemove(to: IGrantable, areas: readonly StorageArea[]): void {
  allow(to, ['s3:DeleteObject'], ...areas.map(objectsOf));
}

const objectsOf = ({ bucketArn, prefix }: StorageArea): string => `${bucketArn}/${prefix}*`;

export function grantStart(to: IGrantable, stateMachineArn: string): void {
  allow(to, ['states:StartExecution'], stateMachineArn);
}

export function grantListExecutions(to: IGrantable, stateMachineArn: string): void {
  allow(to, ['states:ListExecutions'], stateMachineArn);
}

export const grantRing = (to: IGrantable, queue: Queue): void => allow(to, ['sqs:SendMessage'], queue.queueArn);
export const grantPublish = (to: IGrantable, bus: EventBus): void => allow(to, ['events:PutEvents'], bus.eventBusArn);
export const grantSecret = (to: IGrantable, ...arns: string[]): void => {
  if (arns.length > 0) allow(to, ['secretsmanager:GetSecretValue'], ...arns);
};
export const grantSocketsOf = (to: IGrantable, connectionsArn: string): void =>
  allow(to, ['execute-api:ManageConnections'], connectionsArn);
export const grantAssume = (to: IGrantable, role: Role): void => allow(to, ['sts:AssumeRole'], role.roleArn);

export interface BatchParts {
  readonly queueArns: readonly string[];
  readonly definitionArns: readonly string[];
  readonly quotaCodes: readonly string[];
}

/** Jobs of these queues by these definitions, and no others. A job's own ARN is not known before it is there. */
export function grantBatch(to: IGrantable & { readonly stack: Stack }, { queueArns, definitionArns, quotaCodes }: BatchParts): void {
  const { partition, region, account } = to.stack;
  allow(to, ['batch:SubmitJob'], ...queueArns, ...definitionArns);
  const jobs = `arn:${partition}:batch:${region}:${account}:job/*`;
  allow(to, ['batch:TagResource', 'batch:TerminateJob'], jobs);
  allow(to, ['batch:ListJobs', 'batch:DescribeJobs'], '*');
  if (quotaCodes.length > 0)
    allow(
      to,
      ['servicequotas:GetServiceQuota'],
      ...quotaCodes.map((code) => `arn:${partition}:servicequotas:${region}:${account}:ec2/${code}`),
    );
}

export const grantDescribeJobs = (to: IGrantable): void => allow(to, ['batch:DescribeJobs'], '*');
