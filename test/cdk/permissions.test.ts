/**
 * What each function may do, a second time and by hand: a right that is added shows here, and one that is missing shows in
 * `npm run test:deploy`, where the emulator asks the roles at every call.
 */
import { beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { type Resource, SynthesizedStage, textOf } from './synthesized-stage.ts';

const statementSchema = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.union([z.string(), z.array(z.string())]).transform((actions) => [actions].flat()),
  Resource: z.unknown(),
});
type Statement = z.infer<typeof statementSchema>;

const IMAGE_ELSEWHERE = `ghcr.io/acme/trainer@sha256:${'b'.repeat(64)}`;

let stage: SynthesizedStage;
/** by the role's logical id, without its hash */
let statements: Map<string, Statement[]>;

beforeAll(() => {
  stage = new SynthesizedStage({
    storage: { data: ['s3://team-data/sets/'], bases: ['s3://team-runs/'] },
    secrets: { 'hf-team': 'arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-AbCdEf' },
  });
  statements = statementsByRole(stage);
});

const TABLE = ['BatchGetItem', 'BatchWriteItem', 'ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
  (action) => `dynamodb:${action}`,
);
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];
const READ = ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'];
const RING = 'sqs:SendMessage';
const SECRET = 'secretsmanager:GetSecretValue';
const START = 'states:StartExecution';
const API = [...TABLE, ...LOG, ...READ, RING, SECRET, START];
const BATCH = ['ListJobs', 'DescribeJobs', 'SubmitJob', 'TagResource', 'TerminateJob'].map((action) => `batch:${action}`);
const IMAGE = ['ecr:DescribeImages', 'codebuild:BatchGetBuilds', 'codebuild:ListBuildsForProject'];
const WORK = [...API, ...BATCH, ...IMAGE, 's3:DeleteObject', 's3:PutObject', 'servicequotas:GetServiceQuota'];
const PUBLISH = ['events:PutEvents', 'execute-api:ManageConnections'];
const READ_QUEUE = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:ReceiveMessage'];
/** As the library grants it to who sends into a queue. */
const SEND = [RING, 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];
const READ_STREAM = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'];

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  FunctionsPlatformRole: [...TABLE, ...LOG, SECRET],
  FunctionsTrainingSvcRole: [...API, 's3:PutObject'],
  FunctionsUnifiedTrainerRole: API,
  FunctionsOrchestratorRole: API,
  FunctionsManagementRole: API,
  FunctionsSftRole: API,
  FunctionsRunsRole: [...API, 's3:DeleteObject', 's3:PutObject'],
  FunctionsAttemptsRole: [...TABLE, ...LOG, ...READ, RING, SECRET, 's3:PutObject', 'sts:AssumeRole'],
  FunctionsUnroutedRole: LOG,
  FunctionsWebsocketRole: [...TABLE, ...LOG, SECRET],
  FunctionsAdvanceRunRole: WORK,
  FunctionsNudgesRole: [...WORK, ...READ_QUEUE],
  FunctionsStreamRole: [...TABLE, ...LOG, ...PUBLISH, ...READ_STREAM, ...SEND],
  FunctionsSweeperRole: [
    ...TABLE,
    ...LOG,
    ...READ,
    ...PUBLISH,
    ...SEND,
    START,
    'states:ListExecutions',
    'batch:DescribeJobs',
    's3:DeleteObject',
  ],
  FunctionsWebDashboardRole: [...LOG, 's3:DeleteObject', 's3:ListBucket', 's3:PutObject'],
  FunctionsTrainerBuildRole: [...LOG, 'ecr:DescribeImages', 'codebuild:StartBuild'],
  GrantRole: [...READ, 's3:AbortMultipartUpload', 's3:DeleteObject', 's3:PutObject'],
  WorkflowRole: ['lambda:InvokeFunction'],
  SweeperRole: ['lambda:InvokeFunction', RING],
};

test('every function may do what is written here, and nothing else', () => {
  const found = Object.fromEntries([...statements].filter(([role]) => role in ALLOWED).map(([role, all]) => [role, actionsOf(all)]));

  expect(found).toEqual(Object.fromEntries(Object.entries(ALLOWED).map(([role, actions]) => [role, [...new Set(actions)].sort()])));
  expect(Object.keys(stage.resources('AWS::Lambda::Function')).length).toBe(
    Object.keys(ALLOWED).filter((role) => role.startsWith('Functions')).length,
  );
});

test('a job of AWS Batch may do nothing at all', () => {
  const [role] = [...statements].filter(([name]) => name.includes('JobRole'));

  expect(role?.[1]).toEqual([expect.objectContaining({ Effect: 'Deny', Action: ['*'], Resource: '*' })]);
});

test('nobody may take a role that machines get, but the function that answers claims; it gets no other', () => {
  const [grant] = Object.entries(stage.resources('AWS::IAM::Role')).filter(([id]) => id.startsWith('GrantRole'));
  const [attempts] = Object.keys(stage.resources('AWS::IAM::Role')).filter((id) => id.startsWith('FunctionsAttemptsRole'));

  expect(textOf(grant?.[1].Properties['AssumeRolePolicyDocument'])).toBe(
    textOf({
      Statement: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { AWS: { 'Fn::GetAtt': [attempts, 'Arn'] } } }],
      Version: '2012-10-17',
    }),
  );
  const assumed = [...statements].filter(([, all]) => all.some(({ Action }) => Action.includes('sts:AssumeRole')));
  expect(assumed.map(([role]) => role)).toEqual(['FunctionsAttemptsRole']);
  expect(textOf(assumed[0]?.[1].find(({ Action }) => Action.includes('sts:AssumeRole'))?.Resource)).toContain(grant?.[0]);
});

test('nothing may pass a role, register a job definition, scan the table, or touch IAM', () => {
  const actions = [...statements].flatMap(([, all]) => all.flatMap(({ Effect, Action }) => (Effect === 'Allow' ? Action : [])));

  expect(actions.filter((action) => /^iam:|PassRole|RegisterJobDefinition|:Scan$|^[a-z0-9-]+:\*$|^\*$/.test(action))).toEqual([]);
});

test('a wildcard of resources is a prefix of a name, but for actions that know no resources', () => {
  const NO_RESOURCES = new Set([
    'batch:DescribeJobs',
    'batch:ListJobs',
    'dynamodb:ListStreams',
    'ecr:GetAuthorizationToken',
    'ecs:DiscoverPollEndpoint',
  ]);
  const wide = [...statements].flatMap(([role, all]) =>
    all
      .filter(({ Effect, Resource }) => Effect === 'Allow' && Resource === '*')
      .flatMap(({ Action }) => Action.map((action) => ({ role, action }))),
  );

  expect(wide.filter(({ action }) => !NO_RESOURCES.has(action))).toEqual([]);
});

test('who is let into a place of the operator is let into that prefix alone', () => {
  const writes = [...statements].flatMap(([, all]) => all.filter(({ Action }) => Action.includes('s3:PutObject')));
  const reads = [...statements].flatMap(([, all]) => all.filter(({ Action }) => Action.includes('s3:GetObject')));

  expect(writes.some(({ Resource }) => textOf(Resource).includes('arn:aws:s3:::team-data'))).toBe(false);
  expect(reads.some(({ Resource }) => textOf(Resource).includes('"arn:aws:s3:::team-data/sets/*"'))).toBe(true);
});

test('the keys of providers are read by those who rent, look and give back, and by nobody else', () => {
  const key = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod-AbCdEf';
  const rentals = { keys: { runpod: key }, image: IMAGE_ELSEWHERE };
  const readers = [...statementsByRole(new SynthesizedStage({ rentals }))]
    .filter(([, all]) => all.some(({ Resource }) => textOf(Resource).includes(key)))
    .map(([role]) => role.replace(/^Functions|Role$/g, ''));

  expect(readers.sort()).toEqual(
    ['AdvanceRun', 'Management', 'Nudges', 'Orchestrator', 'Runs', 'Sft', 'Sweeper', 'TrainingSvc', 'UnifiedTrainer'].sort(),
  );
});

test('service roles are for the services that they name, on behalf of this account', () => {
  const roles = Object.values(stage.resources('AWS::IAM::Role')).map(({ Properties }) => textOf(Properties['AssumeRolePolicyDocument']));

  for (const policy of roles) expect(policy).toMatch(/"Service":"[a-z0-9.-]+\.amazonaws\.com"|"AWS":\{"Fn::GetAtt"/);
  for (const service of ['ecs-tasks', 'states', 'scheduler'])
    expect(
      roles.filter((policy) => policy.includes(`${service}.amazonaws.com`)).every((policy) => policy.includes('aws:SourceAccount')),
    ).toBe(true);
});

function statementsByRole(of: SynthesizedStage): Map<string, Statement[]> {
  const byRole = new Map<string, Statement[]>();
  for (const { Properties } of Object.values(of.resources('AWS::IAM::Policy'))) {
    const { Statement: list } = z.object({ Statement: z.array(statementSchema) }).parse(Properties['PolicyDocument']);
    for (const role of rolesOf(Properties)) byRole.set(role, [...(byRole.get(role) ?? []), ...list]);
  }
  return byRole;
}

const rolesOf = (properties: Resource['Properties']): string[] =>
  z
    .array(z.object({ Ref: z.string() }))
    .parse(properties['Roles'])
    .map(({ Ref }) => Ref.replace(/[0-9A-F]{8}$/, ''));

const actionsOf = (all: readonly Statement[]): string[] => [...new Set(all.flatMap(({ Action }) => Action))].sort();
