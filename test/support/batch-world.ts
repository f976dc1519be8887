import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchClient,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  type JobDetail,
  type JobSummary,
  ListJobsCommand,
  RegisterJobDefinitionCommand,
} from '@aws-sdk/client-batch';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchCompute, type BatchComputeOptions } from '#aws/batch/batch-compute.ts';
import { BatchJobs } from '#aws/batch/batch-jobs.ts';
import type { ComputeClass } from '#aws/batch/compute-classes.ts';
import type { ComputeHandle } from '#domain/run.ts';
import { isGone } from '#operations/advance/end-machine.ts';
import { clientOptions, uniqueName } from './aws-clients.ts';
import { HandClock } from './hand-clock.ts';
import { makeDynamoClient, openTable } from './table-world.ts';

export const makeBatchClient = (): BatchClient => new BatchClient(clientOptions());

/** A queue that runs what its job definitions say, on this machine. */
export async function openQueue(
  client: BatchClient,
  command: readonly string[],
  jobRoleArn?: string,
  variables: Readonly<Record<string, string>> = {},
) {
  const environment = uniqueName('environment');
  const queue = uniqueName('queue');
  await client.send(new CreateComputeEnvironmentCommand({ computeEnvironmentName: environment, type: 'MANAGED' }));
  const computeEnvironmentOrder = [{ order: 1, computeEnvironment: environment }];
  await client.send(new CreateJobQueueCommand({ jobQueueName: queue, priority: 1, computeEnvironmentOrder }));
  const container = {
    image: 'trainer',
    command: [...command],
    resourceRequirements: [
      { type: 'VCPU' as const, value: '4' },
      { type: 'MEMORY' as const, value: '1024' },
    ],
    environment: Object.entries(variables).map(([name, value]) => ({ name, value })),
    ...(jobRoleArn !== undefined && { jobRoleArn }),
  };
  const single = uniqueName('single');
  const multi = uniqueName('multi');
  await client.send(new RegisterJobDefinitionCommand({ jobDefinitionName: single, type: 'container', containerProperties: container }));
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: multi,
      type: 'multinode',
      nodeProperties: { numNodes: 2, mainNode: 0, nodeRangeProperties: [{ targetNodes: '0:', container }] },
    }),
  );
  return { queue, single: `${single}:1`, multi: `${multi}:1` };
}

const SLEEP = ['sh', '-c', 'trap "exit 0" TERM; sleep 600 & wait'];

export interface OpenBatchOptions extends Partial<BatchComputeOptions> {
  readonly command?: readonly string[];
  readonly classes?: readonly ComputeClass[];
  /** of the table behind it */
  readonly tableClient?: DynamoDBClient;
}

export async function openBatch({ command = SLEEP, tableClient = makeDynamoClient(), ...options }: OpenBatchOptions = {}) {
  const client = options.client ?? makeBatchClient();
  const { queue, single, multi } = await openQueue(client, command);
  const { table } = await openTable(tableClient);
  const clock = new HandClock();
  const jobs = new BatchJobs({ client, table, clock });
  const base = { queue, gpuType: 'A10G', gpuMemoryGb: 24, spot: false, usdPerHour: 1.006, vcpus: 4, atOnce: 8, quotaCode: null };
  const classes = options.classes ?? [
    { ...base, name: 'a10g', jobDefinitions: { trainer: single, 'registry/team@sha256:1': single }, gpus: 1, nodes: 1 },
    { ...base, name: 'a10g-nodes', jobDefinitions: { trainer: multi }, gpus: 1, nodes: 4 },
  ];
  const compute = new BatchCompute({
    client,
    jobs,
    quota: async () => Number.POSITIVE_INFINITY,
    clock,
    ...options,
    classes,
  });
  const describe = async (jobId: string | number | number[] | undefined): Promise<JobDetail> => {
    const [job] = await jobs.describe([String(jobId)]);
    if (!job) throw new Error(`no job ${jobId}`);
    return job;
  };
  /** Comes again until it is gone, as an advance does; the clock goes on by five seconds each time. */
  const end = async (tag: string, handle: ComputeHandle | null): Promise<number> => {
    for (let asked = 1; ; asked++) {
      if (await isGone(compute, tag, handle)) return asked;
      if (asked === 200) throw new Error(`${tag} does not end`);
      clock.advance(5_000);
      await sleep(50);
    }
  };
  const named = async (tag: string): Promise<JobSummary[]> => {
    const filters = [{ name: 'JOB_NAME', values: [tag] }];
    return (await client.send(new ListJobsCommand({ jobQueue: queue, filters }))).jobSummaryList ?? [];
  };
  return { client, queue, table, clock, jobs, classes, compute, describe, end, named };
}

/** What EC2 does to a queue or a job, through the emulator's own calls. */
export async function playEc2(call: 'holdqueue' | 'endhost', body: Readonly<Record<string, unknown>>): Promise<void> {
  const { endpoint, region } = clientOptions();
  const credential = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/batch/aws4_request, SignedHeaders=host, Signature=0`;
  const answer = await fetch(`${endpoint}/v1/emulator${call}`, {
    method: 'POST',
    headers: { authorization: credential, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${call}: ${answer.status} ${await answer.text()}`);
}
