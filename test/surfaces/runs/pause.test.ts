/** Pause and resume over HTTP: real processes, on a plane with one slot. The scripted engine's weights are a hash chain over its steps, so equal weights prove an exact resume. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type * as z from 'zod';
import { runDetailResponse } from '#surfaces/runs/schemas.ts';
import { supervisorsOf } from '../../support/plane-process.ts';
import { ScriptedPlane } from '../../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

const STEPS = 60;
const ONE_SLOT = { TUNEPLANE_MAX_RUNS: '1' };
const LOOK_MILLIS = 40;
let running: ScriptedPlane | null = null;
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  await running?.close();
  running = null;
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function aHome() {
  const { path, remove } = await makeTemporaryFolder();
  cleanUp.push(remove);
  const traceFile = join(path, 'trace');
  return { path, script: { stepSeconds: 0.02, saveSteps: 10, traceFile }, traceFile };
}

async function startPlane({ path, script }: Awaited<ReturnType<typeof aHome>>): Promise<ScriptedPlane> {
  const plane = await ScriptedPlane.start(script, ONE_SLOT, path);
  running = plane;
  return plane;
}

type Detail = z.infer<typeof runDetailResponse>;

async function runWhen(plane: ScriptedPlane, id: string, isThere: (run: Detail) => boolean): Promise<Detail> {
  for (let looks = 0; looks < 1_500; looks++) {
    const run = runDetailResponse.parse((await plane.request('GET', `/runs/${id}`)).body);
    if (isThere(run)) return run;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
  }
  throw new Error(`run ${id} is never so`);
}

const stepOf = (run: Detail): number => run.progress?.step ?? 0;
const stepsTrained = (traceFile: string, id: string): number[] =>
  readFileSync(traceFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, step, runId]) => (runId === id ? [Number(step)] : []));

test('a pause ends the process and frees the slot; paused survives a restart; a resume trains the steps that are left, and no other', async () => {
  const home = await aHome();
  let plane = await startPlane(home);
  const id = await plane.startJob({ max_steps: STEPS });
  await runWhen(plane, id, (run) => run.state === 'running' && stepOf(run) > 12);

  const asked = await plane.request('POST', `/runs/${id}/pause`);
  const again = await plane.request('POST', `/runs/${id}/pause`);
  const paused = await runWhen(plane, id, ({ state }) => state === 'paused');
  const left = supervisorsOf(id);
  const other = await plane.startJob({ max_steps: STEPS });
  await plane.jobWhenDone(other);
  await plane.close();
  plane = await startPlane(home);
  const afterRestart = await runWhen(plane, id, () => true);
  const resumed = await plane.request('POST', `/runs/${id}/resume`);
  const done = await runWhen(plane, id, ({ completed_at }) => completed_at !== null);

  expect(asked).toMatchObject({ status: 200, body: { state: 'running', want: 'pause' } });
  expect(again).toMatchObject({ status: 409, body: { code: 'transition_refused', detail: `run '${id}' is pausing already` } });
  expect(again.headers.get('x-should-retry')).toBe('false');
  expect(paused).toMatchObject({ completed_at: null, attempts: [{ number: 1, outcome: 'paused' }] });
  expect(left).toEqual([]);
  expect(afterRestart).toMatchObject({ state: 'paused', want: 'pause', waiting: null });
  expect(resumed).toMatchObject({ status: 200, body: { state: 'paused', want: 'run', waiting: { code: 'resuming' } } });
  expect(done).toMatchObject({ state: 'completed', attempts: [{ outcome: 'paused' }, { outcome: 'completed' }] });
  expect(done.attempts[1]?.resumed_from_step).toBe(paused.checkpoints.at(-1)?.step);
  expect(stepsTrained(home.traceFile, id)).toEqual(Array.from({ length: STEPS }, (_, index) => index + 1));
  expect(done.result?.sha256).toBe((await runWhen(plane, other, () => true)).result?.sha256);
});

test('a paused run is stopped at once, and a queued one cannot be paused', async () => {
  const plane = await startPlane(await aHome());
  const id = await plane.startJob({ max_steps: 2_000 });
  await runWhen(plane, id, ({ state }) => state === 'running');
  const queued = await plane.startJob({ max_steps: 1 });

  const refused = await plane.request('POST', `/runs/${queued}/pause`);
  await plane.request('POST', `/runs/${id}/pause`);
  await runWhen(plane, id, ({ state }) => state === 'paused');
  const stopped = await plane.request('POST', `/runs/${id}/stop`);
  const resumed = await plane.request('POST', `/runs/${id}/resume`);

  expect(refused).toMatchObject({ status: 409, body: { detail: `run '${queued}' is queued and cannot be paused` } });
  expect(stopped).toMatchObject({ status: 200, body: { state: 'stopped', completed_at: expect.any(String) } });
  expect(resumed).toMatchObject({ status: 409, body: { detail: `run '${id}' is stopped, and only a paused run can be resumed` } });
  await plane.jobWhenDone(queued);
});

test('a checkpoint that is asked for is saved at once, and the run goes on to its end', async () => {
  const home = await aHome();
  const plane = await startPlane({ ...home, script: { ...home.script, saveSteps: 10_000 } });
  const id = await plane.startJob({ max_steps: STEPS });
  await runWhen(plane, id, (run) => run.state === 'running' && stepOf(run) > 5);

  const asked = await plane.request('POST', `/runs/${id}/checkpoint`);
  const done = await runWhen(plane, id, (run) => run.state === 'completed');
  const again = await plane.request('POST', `/runs/${id}/checkpoint`);

  expect([asked.status, again.status]).toEqual([200, 409]);
  const { body } = await plane.request('GET', `/runs/${done.id}/checkpoints`);
  expect(body).toMatchObject({ items: [{ step: STEPS }, { step: expect.any(Number) }] });
});
