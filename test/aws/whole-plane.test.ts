/**
 * The whole AWS home: bundled functions behind an HTTP API, the state machine, the queue of nudges, the stream, the bus, and the real
 * supervisor as the job, which claims over HTTP and writes with what it was granted; beside AWS Batch a machine of RunPod and one of one's
 * own. Only the engine is scripted.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeExecutionCommand, ListExecutionsCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { artifactListResponse } from '#surfaces/runs/schemas.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { ProcessHost } from '../fake-providers/process-host.ts';
import { type ProviderServer, serveProvider } from '../fake-providers/provider-server.ts';
import { clientOptions } from '../support/aws-clients.ts';
import { type DeployedPlane, deployPlane } from '../support/aws-plane/deploy-plane.ts';
import { playEc2 } from '../support/batch-world.ts';
import { CommandProcess } from '../support/command-line.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const PYTHON = join('trainer-image', '.venv', 'bin', 'python');
const LOOK_MILLIS = 200;
const LOOKS = 400;

const runSchema = z.object({
  state: z.string(),
  progress: z.object({ step: z.int().nullable(), seen_at: z.string() }).nullable(),
  attempts: z.array(
    z.object({
      number: z.int(),
      outcome: z.string().nullable(),
      code: z.string().nullable(),
      resumed_from_step: z.int().nullable(),
      place: z.string().nullable(),
    }),
  ),
  checkpoints: z.array(z.object({ step: z.int() })),
  result: z.object({ location: z.string(), sha256: z.string() }).nullable(),
});
type RunAnswer = z.infer<typeof runSchema>;

const SCRIPT = { stepSeconds: 0.05 };
/** What an image, or a machine of one's own, has: which engine stands in it, and here where AWS is. */
const onMachines = (): Record<string, string> => ({
  TUNEPLANE_ENGINE: JSON.stringify([PYTHON, join('test', 'scripted-engine', 'engine.py')].map((path) => resolve(path))),
  TUNEPLANE_SCRIPT: JSON.stringify(SCRIPT),
  AWS_ENDPOINT_URL_S3: clientOptions().endpoint,
});

let plane: DeployedPlane;
let scratch: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let host: ProcessHost;
let runpod: FakeRunPod;
let runpodServer: ProviderServer;

beforeAll(async () => {
  scratch = await makeTemporaryFolder();
  host = new ProcessHost({ folder: join(scratch.path, 'machines'), image: onMachines });
  runpod = new FakeRunPod({ now: Date.now, host, bootMillis: 100 });
  runpodServer = await serveProvider(runpod);
  plane = await deployPlane({ script: SCRIPT, runpod: { url: runpodServer.url, key: runpod.key } });
  await plane.place('rows.jsonl', '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20));
});

afterAll(async () => {
  await plane.close();
  host.close();
  await runpodServer.close();
  await scratch.remove();
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

/** A job of the orchestrator's API, whose caller says where it trains. */
async function submitTo(provider: string): Promise<string> {
  const jobs = '/api/training/jobs';
  const created = await plane.call('POST', jobs, { base_model: 'tiny-llama', dataset: `s3://${plane.bucket}/rows.jsonl` });
  const { job_id: id } = z.object({ job_id: z.string() }).parse(await created.json());
  const submitted = await plane.call('POST', `${jobs}/${id}/submit`, { provider });
  expect(submitted.status, await submitted.clone().text()).toBe(200);
  return id;
}

test.concurrent('a machine of RunPod is rented with the key in Secrets Manager, and gone when the run is over', {
  timeout: 120_000,
}, async () => {
  const id = await submitTo('runpod');

  const run = await runWhen(id, 'it is over', ({ state }) => state === 'completed' || state === 'failed');

  expect(run, JSON.stringify(run)).toMatchObject({ state: 'completed', attempts: [{ number: 1, outcome: 'completed' }] });
  await until('its machine is ended', async () => runpod.there().length === 0);
  expect(runpod.machines.size).toBe(1);
});

test.concurrent("a machine of one's own trains for this home with what its claim gives it", { timeout: 120_000 }, async () => {
  const answer = await plane.call('POST', '/workers/box/token');
  const { token } = z.object({ token: z.string() }).parse(await answer.json());
  const home = join(scratch.path, 'worker');
  await mkdir(home);
  const worker = new CommandProcess(['worker', '--url', plane.url, '--name', 'box', '--home', home, '--max-runs', '1'], {
    TUNEPLANE_WORKER_TOKEN: token,
    TUNEPLANE_TRAINER_PYTHON: resolve(PYTHON),
    ...onMachines(),
  });
  try {
    const id = await submitTo('local');

    const run = await runWhen(id, 'it is over', ({ state }) => state === 'completed' || state === 'failed');

    expect(run, worker.errors).toMatchObject({ state: 'completed', attempts: [{ number: 1, outcome: 'completed', place: 'worker box' }] });
  } finally {
    worker.signal('SIGTERM');
    await worker.ended();
  }
});
