/**
 * The whole AWS home: bundled functions behind an HTTP API, the state machine, the queue of nudges, the stream, the bus, and the real
 * supervisor as the job, which claims over HTTP and writes with what it was granted. Only the engine is scripted.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeExecutionCommand, ListExecutionsCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { artifactListResponse } from '#surfaces/runs/schemas.ts';
import { type DeployedPlane, deployPlane } from '../support/aws-plane/deploy-plane.ts';
import { playEc2 } from '../support/batch-world.ts';

const LOOK_MILLIS = 200;
const LOOKS = 400;

const runSchema = z.object({
  state: z.string(),
  progress: z.object({ step: z.int().nullable(), seen_at: z.string() }).nullable(),
  attempts: z.array(
    z.object({ number: z.int(), outcome: z.string().nullable(), code: z.string().nullable(), resumed_from_step: z.int().nullable() }),
  ),
  checkpoints: z.array(z.object({ step: z.int() })),
  result: z.object({ location: z.string(), sha256: z.string() }).nullable(),
});
type RunAnswer = z.infer<typeof runSchema>;

let plane: DeployedPlane;

beforeAll(async () => {
  plane = await deployPlane({ stepSeconds: 0.05 });
  await plane.place('rows.jsonl', '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20));
});

afterAll(async () => {
  await plane.close();
});

async function until<Found>(what: string, look: () => Promise<Found | null | undefined | false>): Promise<Found> {
  for (let looks = 0; looks < LOOKS; looks++) {
    const found = await look();
    if (found) return found;
    await sleep(LOOK_MILLIS);
  }
  throw new Error(`never: ${what}`);
}

async function runWhen(id: string, what: string, isSo: (run: RunAnswer) => boolean): Promise<RunAnswer> {
  let newest: RunAnswer | null = null;
  try {
    return await until(what, async () => {
      newest = runSchema.parse(await (await plane.call('GET', `/runs/${id}`)).json());
      return isSo(newest) && newest;
    });
  } catch (error) {
    throw new Error(`${JSON.stringify(newest)}`, { cause: error });
  }
}

const statusOf = async (execution: string): Promise<string | undefined> => {
  const executionArn = `${plane.stateMachineArn.replace(':stateMachine:', ':execution:')}:${execution}`;
  return (await plane.sfn.send(new DescribeExecutionCommand({ executionArn }))).status;
};

test.concurrent('a run is trained, told of on the bus, and what it made is handed out', { timeout: 120_000 }, async () => {
  const id = await plane.startRun({ max_steps: 10 });
  const run = await runWhen(id, 'it is over', ({ state }) => state === 'completed' || state === 'failed');

  expect(run.state).toBe('completed');
  expect(run.attempts).toMatchObject([{ number: 1, outcome: 'completed', resumed_from_step: null }]);
  expect(await until('its execution ends', async () => (await statusOf(`${id}-g1`)) === 'SUCCEEDED')).toBe(true);

  const { items } = artifactListResponse.parse(await (await plane.call('GET', `/runs/${id}/artifacts`)).json());
  const adapter = items.flatMap(({ files }) => files).find(({ path }) => path.endsWith('adapter_model.safetensors'));
  const link = await plane.call('GET', adapter?.href ?? '');
  expect(link.status).toBe(302);
  const bytes = new Uint8Array(await (await fetch(link.headers.get('location') ?? '')).arrayBuffer());
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(adapter?.sha256);

  const told = await until('the bus tells that it finished', async () => {
    const events = (await plane.published()).filter(({ detail }) => detail.data.runId === id);
    return events.some((event) => event['detail-type'] === 'Training Run Finished') && events;
  });
  const changes = told.filter((event) => event['detail-type'] === 'Training Run State Change');
  expect(changes.map(({ detail }) => detail.data.state)).toEqual(['created', 'queued', 'initializing', 'running', 'completed']);
  expect(told.filter((event) => event['detail-type'] === 'Checkpoint Created')).toHaveLength(1);
});

test.concurrent('a stopped execution is not a cancel, a lost host is not the end, and a stop is', { timeout: 120_000 }, async () => {
  const id = await plane.startRun({ max_steps: 10_000, save_steps: 20 });
  await runWhen(id, 'it trains', ({ state }) => state === 'running');
  const socket = await plane.follow(id);
  expect(socket.messages[0]).toMatchObject({ type: 'status', data: { state: 'running' } });

  const executionArn = `${plane.stateMachineArn.replace(':stateMachine:', ':execution:')}:${id}-g1`;
  await plane.sfn.send(new StopExecutionCommand({ executionArn, cause: 'somebody at the console' }));
  expect(await statusOf(`${id}-g1`)).toBe('ABORTED');
  await plane.sweep();
  await until('the next generation goes on', async () => {
    const { executions = [] } = await plane.sfn.send(new ListExecutionsCommand({ stateMachineArn: plane.stateMachineArn }));
    return executions.some(({ name, status }) => name === `${id}-g2` && status === 'RUNNING');
  });
  const jobs = await plane.jobs(id);
  expect(jobs).toMatchObject([{ status: 'RUNNING' }]);

  const { checkpoints } = await runWhen(id, 'it has a checkpoint', (run) => run.checkpoints.length > 0);
  await playEc2('endhost', { jobId: jobs[0]?.jobId });
  const again = await runWhen(id, 'it trains again', ({ attempts, state }) => attempts.length === 2 && state === 'running');
  expect(again.attempts[0]).toMatchObject({ outcome: 'lost', code: 'interrupted' });
  expect(again.attempts[1]?.resumed_from_step).toBeGreaterThanOrEqual(checkpoints[0]?.step ?? 0);
  await until('metrics reach the socket', async () => socket.messages.some(({ type }) => type === 'metrics'));

  expect((await plane.call('POST', `/runs/${id}/stop`)).status).toBe(200);
  await runWhen(id, 'it is stopped', ({ state }) => state === 'stopped');
  expect((await plane.jobs(id)).map(({ status }) => status).sort()).toEqual(['FAILED', 'SUCCEEDED']);
  await until('the socket says so', async () => socket.messages.some(({ type, data }) => type === 'status' && data['state'] === 'stopped'));
  await until('its execution ends', async () => (await statusOf(`${id}-g2`)) === 'SUCCEEDED');
  socket.close();
});
