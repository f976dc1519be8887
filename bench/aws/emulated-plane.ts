/**
 * The AWS home in the emulator for counting: the functions' own code in this process, with their clients behind a proxy that counts. No
 * queue, stream or workflow calls anything by itself, so that what is counted is what was asked for; the trainer writes when it is told to.
 */

import { CreateEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type EnvironmentOf, readEnvironment } from '#aws/environment.ts';
import { type AwsPlane, openPlane } from '#aws/plane.ts';
import { attemptName } from '#domain/run-folder.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { seedDefaultProject } from '#operations/projects.ts';
import { clientOptions, EMULATOR_VARIABLE, uniqueName } from '../../test/support/aws-clients.ts';
import { awsEnvironment } from '../../test/support/aws-environment.ts';
import { storageStatements } from '../../test/support/aws-plane/function-roles.ts';
import { makeBatchClient, openQueue } from '../../test/support/batch-world.ts';
import { createRole, createStateMachine, makeSfnClient } from '../../test/support/lambda-world.ts';
import { MemoryTrainer } from '../../test/support/memory-plane.ts';
import { openBucket } from '../../test/support/s3-world.ts';
import { createTable, makeDynamoClient } from '../../test/support/table-world.ts';
import { type AwsCall, type CountingProxy, startCountingProxy } from './counting-proxy.ts';

export const TOKEN = 'the-token-of-callers';

export interface EmulatedPlane extends Pick<CountingProxy, 'take' | 'dieAt' | 'revive'> {
  readonly plane: AwsPlane;
  readonly bucket: string;
  readonly bus: string;
  readonly jobQueue: string;
  readonly stateMachineArn: string;
  /** The calls of one act. */
  count(act: () => Promise<unknown>): Promise<AwsCall[]>;
  place(key: string, content: string): Promise<void>;
  /** Looks at a run until it waits, or is over. */
  settle(runId: string): Promise<void>;
  trainer(runId: string, folder?: string): MemoryTrainer;
  /** Says of the attempt's job what Batch would. */
  noteJob(runId: string, status: 'RUNNING' | 'SUCCEEDED'): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param endpoint of the emulator. Sets the environment of this process as Lambda does: entries read it when they are imported.
 * @param jobCommand what a job of AWS Batch does
 */
export async function openEmulatedPlane(endpoint: string, jobCommand: readonly string[] = ['true']): Promise<EmulatedPlane> {
  process.env[EMULATOR_VARIABLE] = endpoint;
  const tableName = uniqueName('plane');
  await createTable(makeDynamoClient(), tableName);
  const { bucket, place } = await openBucket();
  const queueName = uniqueName('nudges');
  const { QueueUrl = '' } = await new SQSClient(clientOptions()).send(new CreateQueueCommand({ QueueName: queueName }));
  const bus = uniqueName('bus');
  await new EventBridgeClient(clientOptions()).send(new CreateEventBusCommand({ Name: bus }));
  const { queue, single } = await openQueue(makeBatchClient(), jobCommand);
  const ended = { Comment: 'ends at once', StartAt: 'Done', States: { Done: { Type: 'Succeed' as const, Comment: '' } } };
  const job = { gpuType: null, gpus: 0, vcpus: 4, nodes: 1, atOnce: 8, quotaCode: null };
  const variables: EnvironmentOf<'api'> & EnvironmentOf<'sweeper'> = awsEnvironment({
    TUNEPLANE_TABLE: tableName,
    TUNEPLANE_BUCKET: bucket,
    TUNEPLANE_EVENT_BUS: bus,
    TUNEPLANE_STATE_MACHINE_ARN: await createStateMachine(ended, 'arn:aws:lambda:us-east-1:000000000000:function:none', makeSfnClient()),
    TUNEPLANE_KEY_SECRET_ARN: await createSecret('k'.repeat(64)),
    TUNEPLANE_TOKEN_SECRET_ARN: await createSecret(TOKEN),
    TUNEPLANE_GRANT_ROLE_ARN: await createRole({ AWS: 'arn:aws:iam::000000000000:root' }, storageStatements(bucket)),
    TUNEPLANE_COMPUTE_CLASSES: JSON.stringify([{ name: 'cpu', queue, jobDefinitions: { trainer: single }, ...job }]),
  });
  const proxy = await startCountingProxy(endpoint);
  // The SDK goes where a queue's URL says.
  variables.TUNEPLANE_NUDGE_QUEUE_URL = proxy.endpoint + new URL(QueueUrl).pathname;
  const { credentials, region } = clientOptions();
  Object.assign(process.env, variables, {
    AWS_ENDPOINT_URL: proxy.endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  });
  const plane = openPlane(readEnvironment('work', variables), () => {});
  const { ports } = plane;
  await seedDefaultProject(ports); // as the first sweep does
  return {
    plane,
    bucket,
    bus,
    jobQueue: queue,
    stateMachineArn: variables.TUNEPLANE_STATE_MACHINE_ARN,
    place,
    take: () => proxy.take(),
    dieAt: (isLast) => proxy.dieAt(isLast),
    revive: () => proxy.revive(),
    count: async (act) => {
      proxy.take();
      await act();
      return proxy.take();
    },
    settle: async (runId) => {
      for (let look = 0; look < 20; look++) {
        const { phase, waitSeconds } = await advanceRun(ports, runId);
        if (phase === 'done' || waitSeconds > 0) return;
      }
      throw new Error(`run ${runId} never waits`);
    },
    trainer: (runId, folder = `runs/${runId}/framework=hf`) => new MemoryTrainer(ports.artifacts, runId, 1, Date.now, folder),
    noteJob: async (runId, status) => {
      const jobId = String((await ports.runs.get(runId))?.run.attempt?.handle?.['jobId']);
      const state = { status, statusReason: null, exitCode: null, containerReason: null };
      await plane.jobs.note(jobId, { tag: attemptName(runId, 1), state });
    },
    close: () => proxy.close(),
  };
}

async function createSecret(SecretString: string): Promise<string> {
  const client = new SecretsManagerClient(clientOptions());
  return (await client.send(new CreateSecretCommand({ Name: uniqueName('secret'), SecretString }))).ARN ?? '';
}
