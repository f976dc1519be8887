/**
 * The AWS home in the emulator, without a stack: bundles as functions with roles of their own, table, bucket, queue, bus, state machine,
 * AWS Batch with the real supervisor as its job and a scripted engine under it, an HTTP API and a WebSocket API in front.
 */
import { join } from 'node:path';
import { type JobSummary, ListJobsCommand } from '@aws-sdk/client-batch';
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { AddPermissionCommand, CreateEventSourceMappingCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ENVIRONMENTS, type EnvironmentKind } from '#aws/environment.ts';
import { NOTIFYING_SUFFIXES } from '#aws/notifying-keys.ts';
import { defineStateMachine } from '#aws/state-machine.ts';
import { STREAM_FILTERS } from '#aws/stream-records.ts';
import { attemptsSurface } from '#surfaces/attempts/surface.ts';
import { orchestratorSurface } from '#surfaces/orchestrator/surface.ts';
import { runsSurface } from '#surfaces/runs/surface.ts';
import { sftSurface } from '#surfaces/sft/surface.ts';
import { clientOptions, uniqueName } from '../aws-clients.ts';
import { awsEnvironment } from '../aws-environment.ts';
import { makeBatchClient, openQueue } from '../batch-world.ts';
import { createFunction, createRole, createStateMachine, makeSfnClient } from '../lambda-world.ts';
import { openBucket } from '../s3-world.ts';
import { createTable, makeDynamoClient } from '../table-world.ts';
import { makeTemporaryFolder } from '../temporary-folder.ts';
import { bundleCode } from './bundled-code.ts';
import { openHttpApi, openWebSocketApi } from './front-doors.ts';
import { functionStatements, storageStatements } from './function-roles.ts';
import { createQueue, sendEvents, subscribe } from './queues.ts';
import { openSocket } from './socket.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const PYTHON = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
const TOKEN = 'the-token-of-callers';

const SURFACES = [sftSurface, orchestratorSurface, runsSurface, attemptsSurface];

/** The kind of each function's environment. */
const KINDS = {
  sft: 'api',
  orchestrator: 'api',
  runs: 'api',
  attempts: 'api',
  default: 'default',
  'advance-run': 'work',
  nudges: 'work',
  sweeper: 'sweeper',
  stream: 'stream',
  websocket: 'websocket',
} as const satisfies Record<keyof ReturnType<typeof functionStatements>, EnvironmentKind>;

export type DeployedPlane = Awaited<ReturnType<typeof deployPlane>>;

export interface DeployOptions {
  /** of the engine, the same for every run */
  readonly script: Readonly<Record<string, unknown>>;
  /** where jobs reach AWS; default: the emulator */
  readonly jobEndpoint?: string;
  /** a RunPod on this machine: where it answers, and the account's key */
  readonly runpod?: { readonly url: string; readonly key: string };
}

export async function deployPlane({ script, jobEndpoint = clientOptions().endpoint, runpod }: DeployOptions) {
  const { bucket, client: s3, place } = await openBucket();
  const { tableName, tableArn, streamArn } = await deployTable();
  const queue = await createQueue('nudges');
  const events = new EventBridgeClient(clientOptions());
  const bus = uniqueName('bus');
  const { EventBusArn: busArn = '' } = await events.send(new CreateEventBusCommand({ Name: bus }));
  const published = await subscribe(events, bus);
  const [keyArn, tokenArn] = [await createSecret('k'.repeat(64)), await createSecret(TOKEN)];
  const runpodArn = runpod && (await createSecret(runpod.key));
  const image = `registry.example.com/trainer@sha256:${'a'.repeat(64)}`;
  const rentals = runpod && { keys: { runpod: runpodArn }, image, addresses: { runpod: runpod.url } };
  const grantRoleArn = await createRole({ AWS: 'arn:aws:iam::000000000000:root' }, storageStatements(bucket));
  const batch = await deployBatch(script, jobEndpoint);
  const http = await openHttpApi();
  const sockets = await openWebSocketApi();

  // The state machine names its function, and functions name the state machine: its name is known before it is there.
  const machineName = uniqueName('runs');
  const stateMachineArn = `arn:aws:states:us-east-1:000000000000:stateMachine:${machineName}`;
  const variables: Readonly<Record<string, string>> = awsEnvironment({
    TUNEPLANE_TABLE: tableName,
    TUNEPLANE_BUCKET: bucket,
    TUNEPLANE_STATE_MACHINE_ARN: stateMachineArn,
    TUNEPLANE_NUDGE_QUEUE_URL: queue.url,
    TUNEPLANE_KEY_SECRET_ARN: keyArn,
    TUNEPLANE_TOKEN_SECRET_ARN: tokenArn,
    TUNEPLANE_GRANT_ROLE_ARN: grantRoleArn,
    TUNEPLANE_URL: http.url,
    TUNEPLANE_EVENT_BUS: bus,
    TUNEPLANE_WEBSOCKET_ENDPOINT: sockets.endpoint,
    TUNEPLANE_COMPUTE_CLASSES: JSON.stringify([batch.computeClass]),
    TUNEPLANE_RENTALS: rentals ? JSON.stringify(rentals) : '',
  });
  const statements = functionStatements({
    bucket,
    tableArn,
    queueArn: queue.arn,
    busArn,
    keyArn,
    tokenArn,
    grantRoleArn,
    providerKeyArns: runpodArn ? [runpodArn] : [],
  });
  const files = await bundleCode();
  const lambda = new LambdaClient(clientOptions());
  const arns = new Map<string, string>();
  for (const name of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
    const wanted = Object.keys(ENVIRONMENTS[KINDS[name]].shape);
    const environment = Object.fromEntries(wanted.map((variable) => [variable, variables[variable] ?? '']));
    const role = await createRole({ Service: 'lambda.amazonaws.com' }, statements[name]);
    arns.set(name, await createFunction({ files, handler: `${name}.handler`, environment }, role));
  }
  const arnOf = (name: string): string => arns.get(name) ?? '';
  const sfn = makeSfnClient();
  await createStateMachine(defineStateMachine(arnOf('advance-run')), arnOf('advance-run'), sfn, machineName);

  const FunctionResponseTypes = ['ReportBatchItemFailures' as const];
  await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: arnOf('nudges'),
      EventSourceArn: queue.arn,
      BatchSize: 10,
      FunctionResponseTypes,
    }),
  );
  await lambda.send(
    new CreateEventSourceMappingCommand({
      FunctionName: arnOf('stream'),
      EventSourceArn: streamArn,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 100,
      FilterCriteria: { Filters: STREAM_FILTERS.map((pattern) => ({ Pattern: JSON.stringify(pattern) })) },
      FunctionResponseTypes,
    }),
  );
  const QueueConfigurations = NOTIFYING_SUFFIXES.map((suffix) => ({
    QueueArn: queue.arn,
    Events: ['s3:ObjectCreated:*' as const],
    Filter: { Key: { FilterRules: [{ Name: 'suffix' as const, Value: suffix }] } },
  }));
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket: bucket, NotificationConfiguration: { QueueConfigurations } }));
  await sendEvents(events, { source: ['aws.batch'], 'detail-type': ['Batch Job State Change'] }, queue);
  const ended = { status: ['ABORTED', 'FAILED', 'TIMED_OUT'], stateMachineArn: [stateMachineArn] };
  await sendEvents(events, { source: ['aws.states'], detail: ended }, queue);

  for (const { name, routes } of SURFACES) {
    const target = await http.target(arnOf(name));
    for (const { method, path } of routes) await target(`${method} ${path}`);
  }
  await (await http.target(arnOf('default')))('$default');
  const target = await sockets.target(arnOf('websocket'));
  for (const key of ['$connect', '$disconnect', '$default']) await target(key);
  for (const FunctionName of arns.values()) {
    const Principal = 'apigateway.amazonaws.com';
    await lambda.send(new AddPermissionCommand({ FunctionName, StatementId: 'gateway', Action: 'lambda:InvokeFunction', Principal }));
  }

  const call = async (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(http.url + path, {
      method,
      redirect: 'manual',
      headers: { authorization: `Bearer ${TOKEN}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    url: http.url,
    token: TOKEN,
    bucket,
    call,
    place,
    sfn,
    stateMachineArn,
    published,
    jobs: batch.jobs,
    close: batch.close,
    startRun: async (config: Readonly<Record<string, unknown>>): Promise<string> => {
      const dataset_name = `s3://${bucket}/rows.jsonl`;
      const answer = await call('POST', '/api/sft/train', { config: { base_model: 'tiny-llama', dataset_name, ...config } });
      if (!answer.ok) throw new Error(`the run was refused: ${answer.status} ${await answer.text()}`);
      return ((await answer.json()) as { job_id: string }).job_id;
    },
    /** As a browser, which can set no header: with a ticket. */
    follow: async (id: string) => {
      const { ticket } = (await (await call('POST', '/ws/tickets', { job_id: id })).json()) as { ticket: string };
      return openSocket(`${sockets.url}?job_id=${id}&ticket=${ticket}`);
    },
    /** The sweep of a minute. */
    sweep: async (): Promise<void> => {
      const { Payload, FunctionError } = await lambda.send(new InvokeCommand({ FunctionName: arnOf('sweeper') }));
      if (FunctionError) throw new Error(Payload?.transformToString());
    },
  };
}

async function deployTable() {
  const client = makeDynamoClient();
  const tableName = uniqueName('plane');
  await createTable(client, tableName);
  const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  return { tableName, tableArn: Table?.TableArn ?? '', streamArn: Table?.LatestStreamArn ?? '' };
}

async function deployBatch(script: Readonly<Record<string, unknown>>, jobEndpoint: string) {
  const client = makeBatchClient();
  const machines = await makeTemporaryFolder();
  // A container has its own file system: here each job has its own folder.
  const command = `TUNEPLANE_WORK="${machines.path}/$AWS_BATCH_JOB_ID" exec ${PYTHON} -m trainer.supervisor`;
  const { queue, single } = await openQueue(client, ['sh', '-c', command], undefined, {
    AWS_ENDPOINT_URL: jobEndpoint,
    PYTHONPATH: join(REPOSITORY, 'trainer-image'),
    TUNEPLANE_CACHE: join(machines.path, 'cache'),
    TUNEPLANE_ENGINE: JSON.stringify([PYTHON, join(REPOSITORY, 'test', 'scripted-engine', 'engine.py')]),
    TUNEPLANE_SCRIPT: JSON.stringify(script),
  });
  const size = { gpuType: null, gpus: 0, vcpus: 4, nodes: 1, atOnce: 8, quotaCode: null };
  return {
    close: machines.remove,
    computeClass: { name: 'cpu', queue, jobDefinitions: { trainer: single }, ...size },
    jobs: async (runId: string): Promise<JobSummary[]> => {
      const filters = [{ name: 'JOB_NAME', values: [`${runId}*`] }];
      return (await client.send(new ListJobsCommand({ jobQueue: queue, filters }))).jobSummaryList ?? [];
    },
  };
}

async function createSecret(SecretString: string): Promise<string> {
  const client = new SecretsManagerClient(clientOptions());
  return (await client.send(new CreateSecretCommand({ Name: uniqueName('secret'), SecretString }))).ARN ?? '';
}
