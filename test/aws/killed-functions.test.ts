/**
 * Each function of the plane is killed after each of its commits, all through the life of a run, and whoever called it does not call again: the client
 * is gone, a notification was the only one, a record of the stream is not repeated. Step Functions alone tries its task again, and the sweep
 * comes every minute. In the end the run is completed by one attempt, no job lives, and every event was told.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListJobsCommand } from '@aws-sdk/client-batch';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DescribeExecutionCommand } from '@aws-sdk/client-sfn';
import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bindAdvanceRun } from '#aws/bind/advance-run.ts';
import { bindSurface } from '#aws/bind/api.ts';
import { bindNudges } from '#aws/bind/nudges.ts';
import { bindStream } from '#aws/bind/stream.ts';
import { bindSweeper } from '#aws/bind/sweeper.ts';
import { eventSort, runPartition } from '#aws/table/table-keys.ts';
import { toPublicEvents } from '#domain/public-events.ts';
import { attemptName } from '#domain/run-folder.ts';
import { sftSurface } from '#surfaces/sft/surface.ts';
import type { Round } from '#workers/round.ts';
import type { AwsCall } from '../../bench/aws/counting-proxy.ts';
import { type EmulatedPlane, openEmulatedPlane, TOKEN } from '../../bench/aws/emulated-plane.ts';
import { clientOptions } from '../support/aws-clients.ts';
import { type Published, subscribe } from '../support/aws-plane/queues.ts';
import { makeBatchClient } from '../support/batch-world.ts';
import { eventually } from '../support/contract-suite.ts';
import { gatewayEvent, lambdaContext } from '../support/gateway-event.ts';
import { makeSfnClient } from '../support/lambda-world.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Functions read `Date.now` when they are loaded: the time that the state machine waits is added to it. */
const clock = vi.hoisted(() => {
  const now = Date.now;
  const moved = { millis: 0 };
  Date.now = () => now() + moved.millis;
  return { moved, stop: () => Object.assign(Date, { now }) };
});

const FUNCTIONS = ['api', 'advance-run', 'nudges', 'stream', 'sweeper'] as const;
type FunctionName = (typeof FUNCTIONS)[number];
const COMMITS = new Set([
  'TransactWriteItems',
  'UpdateItem',
  'PutItem',
  'DeleteItem',
  'submitjob',
  'StartExecution',
  'PutEvents',
  'SendMessage',
]);
const ROWS = '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20);

let world: EmulatedPlane;
let scratch: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let published: () => Promise<readonly Published[]>;
let environment: Record<string, string | undefined>;

beforeAll(async () => {
  environment = { ...process.env };
  scratch = await makeTemporaryFolder();
  // A job lives until the file that bears its id is there.
  world = await openEmulatedPlane(clientOptions().endpoint, [
    'sh',
    '-c',
    `until [ -e ${scratch.path}/$AWS_BATCH_JOB_ID ]; do sleep 0.05; done`,
  ]);
  published = await subscribe(new EventBridgeClient(clientOptions()), world.bus);
  await world.place('rows.jsonl', ROWS);
});
afterAll(async () => {
  await world.close();
  await scratch.remove();
  clock.stop();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

const jobsOf = async (runId: string) => {
  const filters = [{ name: 'JOB_NAME', values: [`${runId}*`] }];
  return (await makeBatchClient().send(new ListJobsCommand({ jobQueue: world.jobQueue, filters }))).jobSummaryList ?? [];
};

/**
 * One run from the request to its end.
 * @param at the commit of a call that is its last, counted from 1; the call after such a one is spared
 * @returns how many calls came to that
 */
async function live(victim: FunctionName, at: number): Promise<{ runId: string; kills: number }> {
  let kills = 0;
  let isSpared = false;
  /** Each call is a new process. @returns null where it was killed over it */
  async function call<Result>(name: FunctionName, act: () => Promise<Result>): Promise<Result | null> {
    let commits = 0;
    if (name === victim && !isSpared) world.dieAt(({ operation }: AwsCall) => COMMITS.has(operation) && ++commits === at);
    const result = await act().catch((error: unknown) => {
      if (name !== victim) throw error;
      return null;
    });
    isSpared = world.revive();
    if (isSpared) kills += 1;
    return isSpared ? null : result;
  }
  const sweep = async (): Promise<void> => {
    while ((await call('sweeper', () => bindSweeper()())) === null); // the next minute
  };

  const before = new Set((await world.plane.ports.runs.list({}, 1_000)).map(({ run }) => run.id));
  const body = { config: { base_model: 'tiny-llama', dataset_name: `s3://${world.bucket}/rows.jsonl`, max_steps: 20 } };
  const request = { method: 'POST', path: '/api/sft/train', headers: { authorization: `Bearer ${TOKEN}` }, body };
  await call('api', async () => bindSurface(sftSurface)(gatewayEvent(request), lambdaContext));
  const runId = (await world.plane.ports.runs.list({}, 1_000)).map(({ run }) => run.id).find((id) => !before.has(id)) ?? '';

  const rounds = async (from: unknown): Promise<Round> => {
    for (let round = from; ; ) {
      const next = await call('advance-run', () => bindAdvanceRun()(round));
      if (next === null) continue; // the state machine tries the task again
      if (next.phase === 'done') return next;
      clock.moved.millis += next.waitSeconds * 1_000;
      if (next.waitSeconds > 0) return next;
      round = next;
    }
  };
  const key = `runs/${runId}/framework%3Dhf/attempts/${attemptName(runId, 1)}/progress.json`;
  const ring = async (): Promise<void> => {
    const event = { Records: [{ messageId: 'm', body: JSON.stringify({ Records: [{ s3: { object: { key } } }] }) }] };
    await call('nudges', () => bindNudges()(event as unknown as SQSEvent));
  };
  let told = 0;
  /** What the stream tells of the run's new events, in one batch. */
  const stream = async (): Promise<void> => {
    const { version } = (await world.plane.ports.runs.get(runId))?.run ?? { version: 0 };
    const Records = Array.from({ length: version - told }, (_, index) => ({
      eventName: 'INSERT',
      dynamodb: { SequenceNumber: String(told + index), Keys: { pk: { S: runPartition(runId) }, sk: { S: eventSort(told + index + 1) } } },
    }));
    told = version;
    await call('stream', () => bindStream()({ Records } as unknown as DynamoDBStreamEvent));
  };

  await sweep();
  const executionArn = `${world.stateMachineArn.replace(':stateMachine:', ':execution:')}:${runId}-g1`;
  await makeSfnClient().send(new DescribeExecutionCommand({ executionArn })); // whoever died, it was started
  let round = await rounds({ runId, generation: 1 });
  // Where it died before the job was there, the plane waits for a claim that cannot come, and then launches.
  for (let looks = 0; (await jobsOf(runId)).length === 0 && looks < 20; looks++) round = await rounds(round);
  round = await rounds(round);
  await stream();
  await world.noteJob(runId, 'RUNNING');
  const trainer = world.trainer(runId);
  await trainer.claim();
  await trainer.report('training', { step: 12 });
  await ring();
  round = await rounds(round);
  await stream();
  await trainer.finish('completed');
  for (const { jobId } of await jobsOf(runId)) await writeFile(join(scratch.path, jobId ?? ''), '');
  await eventually(async () => expect((await jobsOf(runId)).every(({ status }) => status === 'SUCCEEDED')).toBe(true));
  await sweep();
  await ring();
  for (let looks = 0; round.phase !== 'done' && looks < 20; looks++) round = await rounds(round);
  await stream();
  await sweep();
  return { runId, kills };
}

test.each(FUNCTIONS)('%s may be killed after any of its commits', { timeout: 180_000 }, async (victim) => {
  for (let at = 1, isReached = true; isReached; at++) {
    const { runId, kills } = await live(victim, at);

    const where = `${victim}, commit ${at}`;
    const run = (await world.plane.ports.runs.get(runId))?.run;
    expect(run, where).toMatchObject({ state: 'completed', pastAttempts: [{ number: 1, outcome: 'completed' }] });
    expect(
      (await jobsOf(runId)).map(({ status }) => status),
      where,
    ).toEqual(['SUCCEEDED']);
    const events = await world.plane.ports.runs.events(runId, 0, 1_000);
    const wanted = events.flatMap((event) =>
      toPublicEvents(event, run ?? null, 'https://plane.example.com').map(({ detail }) => detail.metadata.id),
    );
    await eventually(async () => {
      const ids = (await published()).filter(({ detail }) => detail.data.runId === runId).map(({ detail }) => detail.metadata.id);
      expect(new Set(ids), where).toEqual(new Set(wanted));
    });
    isReached = kills > 0;
    expect(isReached || at > 1, `${victim} makes a commit`).toBe(true);
  }
});
