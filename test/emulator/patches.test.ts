/**
 * What each patch of `patches.py` is for: what AWS does, ours does, and the stock emulator does not. A release that has mended it fails here,
 * and its patch can go.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchClient, DescribeJobsCommand, SubmitJobCommand } from '@aws-sdk/client-batch';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetExecutionHistoryCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientOptions, EMULATOR_VARIABLE, makeS3Client, uniqueName } from '../support/aws-clients.ts';
import { makeBatchClient, openQueue } from '../support/batch-world.ts';
import { askCloudFormation, deployStack } from '../support/cloudformation.ts';
import { eventually } from '../support/contract-suite.ts';
import { createFunction, createRole, createStateMachine, makeSfnClient, type Statement } from '../support/lambda-world.ts';
import { openBucket } from '../support/s3-world.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { type Emulator, startEmulator } from './start-emulator.ts';

let stock: Emulator;
const ours = process.env[EMULATOR_VARIABLE];

beforeAll(async () => {
  stock = await startEmulator({ stock: true });
});
afterAll(async () => {
  await stock.stop();
});

/** The same act on both. */
async function onBoth<Found>(act: () => Promise<Found>): Promise<{ ours: Found; stock: Found }> {
  const found = await act();
  process.env[EMULATOR_VARIABLE] = stock.endpoint;
  try {
    return { ours: found, stock: await act() };
  } finally {
    process.env[EMULATOR_VARIABLE] = ours;
  }
}

const emulatorFolder = import.meta.dirname;

test('a handler that writes no line is not waited for', () => {
  const program = 'from ministack.core import lambda_runtime as r; print(r.Worker._drain_stderr_bounded.__defaults__[0])';
  const env = { ...process.env, AWS_ENDPOINT_URL: clientOptions().endpoint };
  const python = join(emulatorFolder, '.venv', 'bin', 'python');
  const seconds = (before: string): number =>
    Number(execFileSync(python, ['-c', before + program], { cwd: emulatorFolder, encoding: 'utf8', env }));

  expect(seconds('')).toBeGreaterThan(0.01);
  expect(seconds('import patches; patches.apply();')).toBeLessThan(0.01);
});

test('an error that a handler throws has its name', async () => {
  const code = "export const handler = async () => { throw Object.assign(new Error('no'), { name: 'HardError' }); };";

  const names = await onBoth(async () => {
    const role = await createRole({ Service: 'lambda.amazonaws.com' }, []);
    const FunctionName = await createFunction({ files: { 'index.mjs': code }, handler: 'index.handler' }, role);
    const { Payload } = await new LambdaClient(clientOptions()).send(new InvokeCommand({ FunctionName }));
    return JSON.parse(Payload?.transformToString() ?? '').errorType;
  });

  expect(names).toEqual({ ours: 'HardError', stock: 'Runtime.HandlerError' });
});

test('a job of AWS Batch runs, and ends as it ends', async () => {
  const jobs = await onBoth(async () => {
    const client = makeBatchClient();
    const { queue: jobQueue, single: jobDefinition } = await openQueue(client, ['sh', '-c', 'exit 3']);
    const { jobId = '' } = await client.send(new SubmitJobCommand({ jobName: 'fails', jobQueue, jobDefinition }));
    const status = async (): Promise<string> => String((await client.send(new DescribeJobsCommand({ jobs: [jobId] }))).jobs?.[0]?.status);
    await eventually(async () => expect(await status()).toMatch(/SUCCEEDED|FAILED/));
    return status();
  });

  expect(jobs).toEqual({ ours: 'FAILED', stock: 'SUCCEEDED' });
});

test('what AWS Batch does not know is refused, by its own model', async () => {
  const answers = await onBoth(async () => {
    const client = makeBatchClient();
    const { queue: jobQueue, single: jobDefinition } = await openQueue(client, ['true']);
    const answer = await fetch(`${clientOptions().endpoint}/v1/submitjob`, {
      method: 'POST',
      headers: { authorization: authorizationFor('batch'), 'content-type': 'application/json' },
      body: JSON.stringify({ jobName: 'a', jobQueue, jobDefinition, clientToken: 'which it has not' }),
    });
    return answer.status;
  });

  expect(answers).toEqual({ ours: 400, stock: 200 });
});

const machines = { Type: 'MANAGED', ComputeResources: { Type: 'EC2', MaxvCpus: 4, Subnets: ['subnet-1'], InstanceTypes: ['optimal'] } };
const statement = { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'events:PutEvents', Resource: '*' };

test.each([
  ['what AWS Batch consists of', 'AWS::Batch::ComputeEnvironment', machines],
  ['a door in a bus for another account', 'AWS::Events::EventBusPolicy', { StatementId: 'a-door', Statement: statement }],
])('CloudFormation makes %s', async (_, Type, Properties) => {
  const answers = await onBoth(async () => {
    const TemplateBody = JSON.stringify({ Resources: { Made: { Type, Properties } } });
    const answer = await askCloudFormation({ Action: 'CreateStack', StackName: uniqueName('stack'), TemplateBody });
    return /Unrecognized resource types/.exec(answer)?.[0] ?? answer.includes('<StackId>');
  });

  expect(answers).toEqual({ ours: true, stock: 'Unrecognized resource types' });
});

/** One task, then a wait that the test does not sit out. */
const callsOnce = (FunctionName: string) => ({
  Comment: 'one task and a wait',
  StartAt: 'Call',
  States: {
    Call: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Parameters: { FunctionName }, ResultPath: null, Next: 'Rest' },
    Rest: { Type: 'Wait', Seconds: 3_000, Next: 'Done' },
    Done: { Type: 'Succeed' },
  },
});

async function startMachine() {
  const client = makeSfnClient();
  const role = await createRole({ Service: 'lambda.amazonaws.com' }, []);
  const code = 'export const handler = async () => ({});';
  const functionArn = await createFunction({ files: { 'index.mjs': code }, handler: 'index.handler' }, role);
  const stateMachineArn = await createStateMachine(callsOnce(functionArn), functionArn, client);
  const start = () => client.send(new StartExecutionCommand({ stateMachineArn, name: 'once', input: '{}' }));
  const { executionArn } = await start();
  return { client, executionArn, start };
}

test('the history of an execution tells when a task began', async () => {
  const histories = await onBoth(async () => {
    const { client, executionArn } = await startMachine();
    const types = async () => ((await client.send(new GetExecutionHistoryCommand({ executionArn }))).events ?? []).map(({ type }) => type);
    await eventually(async () => expect(await types()).toContain('TaskStateExited'));
    return (await types()).includes('TaskStarted');
  });

  expect(histories).toEqual({ ours: true, stock: false });
});

test('an execution that runs is started again by the same name and input, and is the same', async () => {
  const answers = await onBoth(async () => {
    const { executionArn, start } = await startMachine();
    return start().then(
      (again) => again.executionArn === executionArn,
      (error) => error.name,
    );
  });

  expect(answers).toEqual({ ours: true, stock: 'ExecutionAlreadyExists' });
});

test("a job has its role's credentials, and may do what the role may", async () => {
  const { bucket, place } = await openBucket();
  const { path, remove } = await makeTemporaryFolder();
  await place('mine/a', 'a');
  const Resource = `arn:aws:s3:::${bucket}/mine/*`;
  const role = await createRole({ Service: 'ecs-tasks.amazonaws.com' }, [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource }]);
  const tell = `printf '%s %s %s' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" > ${path}/told && mv ${path}/told ${path}/credentials`;
  const batch = makeBatchClient();
  const { queue: jobQueue, single: jobDefinition } = await openQueue(batch, ['sh', '-c', tell], role);

  await batch.send(new SubmitJobCommand({ jobName: 'tells', jobQueue, jobDefinition }));

  let told = '';
  await eventually(async () => {
    told = await readFile(join(path, 'credentials'), 'utf8');
  });
  const [accessKeyId = '', secretAccessKey = '', sessionToken = ''] = told.split(' ');
  const s3 = new S3Client({ ...clientOptions(), credentials: { accessKeyId, secretAccessKey, sessionToken }, forcePathStyle: true });
  expect(await (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'mine/a' }))).Body?.transformToString()).toBe('a');
  await expect(s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'mine/a', Body: 'b' }))).rejects.toThrow(/AccessDenied|not authorized/);
  await remove();
});

/** Keys of a role that may do what is said, and nothing else. */
async function keysOf(statements: readonly Statement[]) {
  const RoleArn = await createRole({ AWS: 'arn:aws:iam::000000000000:root' }, statements);
  const { Credentials } = await new STSClient(clientOptions()).send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'tries' }));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

const outcomeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'done',
    (error) => error.name,
  );

test('a bucket for TLS alone is spoken to on loopback', async () => {
  const answers = await onBoth(async () => {
    const Bucket = uniqueName('bucket');
    const root = makeS3Client();
    await root.send(new CreateBucketCommand({ Bucket }));
    const Resource = `arn:aws:s3:::${Bucket}/*`;
    const overTls = { Effect: 'Deny', Principal: '*', Action: 's3:*', Resource, Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    await root.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [overTls] }) }));
    const credentials = await keysOf([{ Effect: 'Allow', Action: ['s3:PutObject'], Resource }]);
    const client = new S3Client({ ...clientOptions(), credentials, forcePathStyle: true });
    return outcomeOf(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'a' })));
  });

  expect(answers).toEqual({ ours: 'done', stock: 'AccessDenied' });
});

test('a template names a secret by its ARN', async () => {
  const template = JSON.stringify({
    Resources: { Token: { Type: 'AWS::SecretsManager::Secret', Properties: {} } },
    Outputs: { Token: { Value: { Ref: 'Token' } } },
  });

  const named = await onBoth(async () => (await deployStack(template, {}))['Token']?.startsWith('arn:aws:secretsmanager:'));

  expect(named).toEqual({ ours: true, stock: false });
});

test("a function that is told the address of an API finds it, though only AWS's DNS knows the name", async () => {
  const address = 'https://0123abcd.execute-api.us-east-1.amazonaws.com/live';
  const code = 'export const handler = async () => process.env.ADDRESS;';

  const told = await onBoth(async () => {
    const role = await createRole({ Service: 'lambda.amazonaws.com' }, []);
    const environment = { ADDRESS: address };
    const FunctionName = await createFunction({ files: { 'index.mjs': code }, handler: 'index.handler', environment }, role);
    const { Payload } = await new LambdaClient(clientOptions()).send(new InvokeCommand({ FunctionName }));
    return JSON.parse(Payload?.transformToString() ?? '');
  });

  expect(told).toEqual({ ours: `${clientOptions().endpoint}/_aws/execute-api/0123abcd/live`, stock: address });
});

test('who may submit jobs of one definition may submit those', async () => {
  const answers = await onBoth(async () => {
    const { queue: jobQueue, single: jobDefinition } = await openQueue(makeBatchClient(), ['true']);
    const Resource = `arn:aws:batch:us-east-1:000000000000:job-definition/${jobDefinition}`;
    const credentials = await keysOf([{ Effect: 'Allow', Action: ['batch:SubmitJob'], Resource }]);
    const client = new BatchClient({ ...clientOptions(), credentials });
    return outcomeOf(client.send(new SubmitJobCommand({ jobName: 'a', jobQueue, jobDefinition })));
  });

  expect(answers).toEqual({ ours: 'done', stock: 'AccessDeniedException' });
});

/** The emulator lets its root's key do everything, without a signature that is one. */
const authorizationFor = (service: string): string =>
  `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
