/**
 * What each function may do, by what it needs of the world. Written here once, and once more in `test/cdk/permissions.test.ts`: a right that
 * is added shows there, and one that is missing shows in `npm run test:deploy`, where every call is checked.
 */
import { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { TABLE_DEFINITION } from '#aws/table/table-definition.ts';
import { allow, allowMany } from './wildcards.ts';

/** Reads and writes by key; nothing can scan the table, or change what it is. */
export function grantTable(to: Role, table: Table): void {
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
    `${table.tableArn}/index/${TABLE_DEFINITION.index.name}`,
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

const OBJECTS = 'keys of objects are made when runs are: the prefix is as far as it is known here';

/** Reading needs the right to list: without it S3 says 403 of a key that is not there. */
export function grantRead(to: Role, areas: readonly StorageArea[]): void {
  if (areas.length === 0) return;
  allowMany(to, OBJECTS, ['s3:GetObject', 's3:GetObjectVersion'], ...areas.map(objectsOf));
  grantList(to, areas);
}

export const grantList = (to: Role, areas: readonly StorageArea[]): void =>
  allow(to, ['s3:ListBucket'], ...new Set(areas.map(({ bucketArn }) => bucketArn)));

export function grantWrite(to: Role, areas: readonly StorageArea[]): void {
  allowMany(to, OBJECTS, ['s3:PutObject'], ...areas.map(objectsOf));
}

export function grantRemove(to: Role, areas: readonly StorageArea[]): void {
  allowMany(to, OBJECTS, ['s3:DeleteObject'], ...areas.map(objectsOf));
}

export function grantAbortUploads(to: Role, areas: readonly StorageArea[]): void {
  allowMany(to, OBJECTS, ['s3:AbortMultipartUpload'], ...areas.map(objectsOf));
}

const objectsOf = ({ bucketArn, prefix }: StorageArea): string => `${bucketArn}/${prefix}*`;

export function grantStart(to: Role, stateMachineArn: string): void {
  allow(to, ['states:StartExecution'], stateMachineArn);
}

export function grantListExecutions(to: Role, stateMachineArn: string): void {
  allow(to, ['states:ListExecutions'], stateMachineArn);
}

export const grantRing = (to: Role, queue: Queue): void => allow(to, ['sqs:SendMessage'], queue.queueArn);
export const grantPublish = (to: Role, bus: EventBus): void => allow(to, ['events:PutEvents'], bus.eventBusArn);
export const grantSecret = (to: Role, ...arns: string[]): void => {
  if (arns.length > 0) allow(to, ['secretsmanager:GetSecretValue'], ...arns);
};
export const grantSocketsOf = (to: Role, connectionsArn: string): void =>
  allowMany(to, 'a connection has its name when it comes', ['execute-api:ManageConnections'], connectionsArn);
export const grantAssume = (to: Role, role: Role): void => allow(to, ['sts:AssumeRole'], role.roleArn);

export interface BatchParts {
  readonly queueArns: readonly string[];
  readonly definitionArns: readonly string[];
  readonly quotaCodes: readonly string[];
}

/** Jobs of these queues by these definitions, and no others. */
export function grantBatch(to: Role, { queueArns, definitionArns, quotaCodes }: BatchParts): void {
  const { partition, region, account } = Stack.of(to);
  allow(to, ['batch:SubmitJob'], ...queueArns);
  allowMany(to, 'functions that are still warm name the revision before', ['batch:SubmitJob'], ...definitionArns);
  allowMany(
    to,
    'a job has its name when it is submitted',
    ['batch:TagResource', 'batch:TerminateJob'],
    `arn:${partition}:batch:${region}:${account}:job/*`,
  );
  allowMany(to, NO_RESOURCES, ['batch:ListJobs', 'batch:DescribeJobs'], '*');
  const quotas = quotaCodes.map((code) => `arn:${partition}:servicequotas:${region}:${account}:ec2/${code}`);
  if (quotas.length > 0) allow(to, ['servicequotas:GetServiceQuota'], ...quotas);
}

const NO_RESOURCES = 'AWS Batch knows no resources for its lists and descriptions';

export const grantDescribeJobs = (to: Role): void => allowMany(to, NO_RESOURCES, ['batch:DescribeJobs'], '*');
