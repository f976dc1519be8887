/** Workers as real processes beside a real plane that trains nothing itself: the command line, the supervisor, the scripted engine. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { workerListResponse } from '#surfaces/runs/place-schemas.ts';
import { CommandProcess, until } from '../support/command-line.ts';
import { supervisorsOf } from '../support/plane-process.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';

const LONG = 240_000;
const TOKEN = 'the-token-of-the-plane';
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const ASKED = bearer(TOKEN);

let plane: ScriptedPlane;
let trace: string;
const open: CommandProcess[] = [];
beforeAll(async () => {
  plane = await ScriptedPlane.start(
    { stepSeconds: 0.05, steps: 100, saveSteps: 20 },
    { TRAINER_API_TOKEN: TOKEN, TUNEPLANE_MAX_RUNS: '0' },
  );
  trace = join(plane.environment.home, 'trace');
});
afterAll(() => plane?.close());
afterEach(async () => {
  for (const worker of open.splice(0)) {
    worker.signal('SIGTERM');
    await worker.ended();
  }
});

async function tokenOf(name: string): Promise<string> {
  const { body } = await plane.request('POST', `/workers/${name}/token`, undefined, ASKED);
  return z.object({ token: z.string() }).parse(body).token;
}

/** `tuneplane worker` with a home of its own; it holds the worker's token and nothing else of the plane's. */
async function startWorker(name: string): Promise<CommandProcess> {
  const home = join(plane.environment.home, '..', `worker-${name}`);
  mkdirSync(home, { recursive: true });
  const variables = {
    TUNEPLANE_WORKER_TOKEN: await tokenOf(name),
    TUNEPLANE_TRAINER_PYTHON: plane.environment.trainerPython ?? '',
    TUNEPLANE_ENGINE: plane.environment.engineCommand ?? '',
    TUNEPLANE_SCRIPT: JSON.stringify({ stepSeconds: 0.05, steps: 100, saveSteps: 20, traceFile: trace }),
    XDG_CONFIG_HOME: home,
  };
  const worker = new CommandProcess(['worker', '--url', plane.url, '--name', name, '--home', home, '--max-runs', '1'], variables);
  open.push(worker);
  await until(() => worker.output.includes('works for'), `worker ${name} starts: ${worker.errors}`);
  return worker;
}

async function submit(): Promise<string> {
  const config = { base_model: 'tiny-llama', dataset_name: './rows.jsonl' };
  const { body } = await plane.request('POST', '/api/sft/train', { config }, ASKED);
  return z.object({ job_id: z.string() }).parse(body).job_id;
}

const runSchema = z.looseObject({
  state: z.string(),
  waiting: z.object({ code: z.string() }).nullable(),
  progress: z.looseObject({ step: z.int().nullable() }).nullable(),
  attempts: z.array(
    z.looseObject({ number: z.int(), outcome: z.string().nullable(), place: z.string().nullable(), code: z.string().nullable() }),
  ),
});
type RunNow = z.infer<typeof runSchema>;
const runNow = async (id: string): Promise<RunNow> => runSchema.parse((await plane.request('GET', `/runs/${id}`, undefined, ASKED)).body);
const when = async (id: string, isSo: (run: RunNow) => boolean, what: string): Promise<RunNow> => {
  let run = await runNow(id);
  const look = async (): Promise<boolean> => {
    run = await runNow(id);
    return isSo(run);
  };
  await until(look, what);
  return run;
};
const hasStep = (step: number) => (run: RunNow) => (run.progress?.step ?? 0) >= step;
const workers = async () => workerListResponse.parse((await plane.request('GET', '/workers', undefined, ASKED)).body).items;
const stepsOf = (id: string): number[] =>
  readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(` ${id}`))
    .map((line) => Number(line.split(' ')[1]));

test('a run waits until a worker comes, trains there, pauses, resumes, and its file has the hash that was promised', {
  timeout: LONG,
}, async () => {
  const id = await submit();
  await when(id, ({ waiting }) => waiting !== null, 'waits');
  await startWorker('box-1');
  await when(id, hasStep(5), 'trains');
  const [, worker] = await workers();
  await plane.request('POST', `/runs/${id}/pause`, undefined, ASKED);
  await when(id, ({ state }) => state === 'paused', 'is paused');
  await until(async () => (await workers())[1]?.busy.length === 0, 'the slot is free');
  await plane.request('POST', `/runs/${id}/resume`, undefined, ASKED);
  const run = await when(id, ({ state }) => state === 'completed' || state === 'failed', 'ends');

  expect(worker).toMatchObject({ name: 'box-1', provider: 'local', slots: 1, busy: [id], engines: ['hf', 'meta'], away: false });
  expect(run).toMatchObject({
    state: 'completed',
    attempts: [
      { number: 1, outcome: 'paused', place: 'worker box-1' },
      { number: 2, outcome: 'completed', place: 'worker box-1' },
    ],
  });
  expect(new Set(stepsOf(id))).toEqual(new Set(Array.from({ length: 100 }, (_, index) => index + 1)));
  expect((await plane.request('POST', `/api/training/jobs/${id}/download-artifact`, undefined, ASKED)).status).toBe(200);
});

test('a worker that leaves saves a checkpoint first, and another one goes on from it', { timeout: LONG }, async () => {
  const first = await startWorker('box-2');
  const id = await submit();
  await when(id, hasStep(25), 'trains');
  first.signal('SIGTERM');
  expect(await first.ended()).toBe(0);
  const waiting = await when(id, ({ waiting: why }) => why !== null, 'waits for another');
  await startWorker('box-3');
  const run = await when(id, ({ state }) => state === 'completed' || state === 'failed', 'ends');

  expect(first.errors).toMatch(/1 attempt must save a checkpoint first/);
  expect(waiting.waiting).toMatchObject({ code: 'worker' });
  expect(run).toMatchObject({
    state: 'completed',
    attempts: [
      { outcome: 'interrupted', place: 'worker box-2' },
      { outcome: 'completed', place: 'worker box-3' },
    ],
  });
  const steps = stepsOf(id);
  expect(steps).toEqual(Array.from({ length: 100 }, (_, index) => index + 1)); // nothing was trained twice
});

test('a worker that is killed and started again takes up what trains on meanwhile', { timeout: LONG }, async () => {
  const first = await startWorker('box-4');
  const id = await submit();
  await when(id, hasStep(5), 'trains');
  first.signal('SIGKILL');
  await first.ended();
  const orphans = supervisorsOf(id);
  await startWorker('box-4');
  const run = await when(id, ({ state }) => state === 'completed' || state === 'failed', 'ends');

  expect(orphans).toHaveLength(1);
  expect(run).toMatchObject({ state: 'completed', attempts: [{ number: 1, outcome: 'completed' }] });
});

test('a worker with a token that is another’s ends with a sentence, and shows no token', { timeout: LONG }, async () => {
  const token = await tokenOf('box-5');
  const worker = new CommandProcess(
    ['worker', '--url', plane.url, '--name', 'box-6', '--home', join(plane.environment.home, '..', 'worker-box-6')],
    { TUNEPLANE_WORKER_TOKEN: token },
  );

  expect(await worker.ended()).toBe(1);
  expect(worker.errors).toMatch(/refuses this worker: the token is not that of worker 'box-6'/);
  expect(worker.output + worker.errors).not.toContain(token);
  expect((await plane.request('POST', '/workers/box-7/token')).status).toBe(401);
  expect((await plane.request('GET', '/runs', undefined, bearer(token))).status).toBe(401);
});
