/** What each function may do, and nothing more: as its role's policy in the emulator, where IAM is enforced. */
import type { Statement } from '../lambda-world.ts';

export interface Resources {
  readonly bucket: string;
  readonly tableArn: string;
  readonly queueArn: string;
  readonly busArn: string;
  readonly keyArn: string;
  readonly tokenArn: string;
  readonly grantRoleArn: string;
  /** secrets that hold the keys of rented machines' providers */
  readonly providerKeyArns: readonly string[];
}

const allow = (service: string, actions: readonly string[], Resource: string | readonly string[] = '*'): Statement => ({
  Effect: 'Allow',
  Action: actions.map((action) => `${service}:${action}`),
  Resource,
});

/** Of the plane itself, and the most that a machine can be granted. */
export const storageStatements = (bucket: string): Statement[] => [
  allow('s3', ['GetObject', 'GetObjectVersion', 'PutObject', 'DeleteObject', 'AbortMultipartUpload'], `arn:aws:s3:::${bucket}/*`),
  allow('s3', ['ListBucket'], `arn:aws:s3:::${bucket}`),
];

export function functionStatements({ bucket, tableArn, queueArn, busArn, keyArn, tokenArn, grantRoleArn, providerKeyArns }: Resources) {
  const table = allow(
    'dynamodb',
    ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'ConditionCheckItem'],
    [tableArn, `${tableArn}/index/*`],
  );
  const stream = allow('dynamodb', ['GetRecords', 'GetShardIterator', 'DescribeStream', 'ListStreams'], `${tableArn}/stream/*`);
  const readSecrets = (...arns: string[]): Statement => allow('secretsmanager', ['GetSecretValue'], arns);
  const publish = allow('events', ['PutEvents'], busArn);
  const tell = allow('execute-api', ['ManageConnections']);
  const plane = [
    table,
    ...storageStatements(bucket),
    allow('sqs', ['SendMessage'], queueArn),
    allow('states', ['StartExecution', 'ListExecutions']),
  ];
  const api = [...plane, readSecrets(keyArn, tokenArn)];
  const batch = allow('batch', ['SubmitJob', 'TagResource', 'TerminateJob', 'ListJobs', 'DescribeJobs']);
  const work = [...plane, readSecrets(keyArn, ...providerKeyArns), batch];
  return {
    sft: api,
    orchestrator: api,
    // It lists machines, those that are rented among them.
    runs: providerKeyArns.length > 0 ? [...api, readSecrets(...providerKeyArns)] : api,
    attempts: [...api, allow('sts', ['AssumeRole'], grantRoleArn)],
    default: [],
    'advance-run': work,
    nudges: [...work, allow('sqs', ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'], queueArn)],
    sweeper: [...work, publish, tell],
    stream: [table, stream, publish, tell],
    websocket: [table, readSecrets(tokenArn)],
  } as const satisfies Record<string, readonly Statement[]>;
}
