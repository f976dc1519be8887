/**
 * Nothing lost: plane, supervisors and engines are killed at random moments, in any mixture, and the plane is started again. Every
 * accepted run completes, with the very weights of a run that nobody disturbed, and no attempt trains beside another.
 *
 * The scripted engine's weights are a hash chain over its steps, so equal weights prove an exact resume. A seed is printed with a
 * failure: KILLS_SEED=<seed> runs just that one, KILLS_SEEDS=<n> the first n.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { enginesOf, killAll, PlaneProcess, supervisorsOf } from '../support/plane-process.ts';
import { jobWhen, request, scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const STEPS = 40;
const { KILLS_SEED, KILLS_SEEDS = '8' } = process.env;
const SEEDS = KILLS_SEED === undefined ? Array.from({ length: Number(KILLS_SEEDS) }, (_, index) => index + 1) : [Number(KILLS_SEED)];
const KILLS = 4;
/** The third loss in a row without a new checkpoint rightly ends a run. */
const KILLS_A_RUN = 2;

let undisturbed: string | null = null;
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

beforeAll(async () => {
  const home = await aHome();
  const plane = await PlaneProcess.start(home.variables);
  undisturbed = (await jobWhen(plane.url, await startJob(plane.url), ({ completed_at }) => completed_at !== null)).result?.sha256 ?? null;
  await plane.kill('SIGTERM');
});

test.each(SEEDS)('seed %d: runs complete with the weights of an undisturbed run, whatever is killed', async (seed) => {
  const random = mulberry32(seed);
  const home = await aHome();
  let plane = await PlaneProcess.start(home.variables);
  cleanUp.push(async () => void (await plane.kill()));
  const ids = [await startJob(plane.url), await startJob(plane.url)];
  cleanUp.push(async () => void ids.map((id) => killAll(supervisorsOf(id))));
  const left = new Map(ids.map((id) => [id, KILLS_A_RUN]));
  const engineKilled = new Set<string>();
  const kill = (id: string, pidsOf: (runId: string) => number[]): boolean => {
    const mayDie = (left.get(id) ?? 0) > 0 && killAll(pidsOf(id)) > 0;
    if (mayDie) left.set(id, (left.get(id) ?? 0) - 1);
    return mayDie;
  };

  for (let round = 0; round < KILLS; round++) {
    await delay(50 + random() * 900);
    const id = ids[Math.floor(random() * ids.length)] ?? '';
    const die = random();
    if (die < 0.4) {
      await plane.kill();
      // Whoever is killed while the plane is down is found by the next one.
      if (random() < 0.5) kill(id, supervisorsOf);
      await delay(random() * 600);
      plane = await PlaneProcess.start(home.variables);
    } else if (die < 0.7 && !engineKilled.has(id)) {
      // An engine killed twice is a machine that kills engines: the table of causes ends the run then.
      if (kill(id, enginesOf)) engineKilled.add(id);
    } else kill(id, supervisorsOf);
  }

  const jobs = await Promise.all(ids.map((id) => jobWhen(plane.url, id, ({ completed_at }) => completed_at !== null)));
  expect(undisturbed).not.toBeNull();
  for (const job of jobs)
    expect(job, JSON.stringify({ seed, job })).toMatchObject({ status: 'completed', result: { sha256: undisturbed } });
  for (const attempts of attemptsInOrder(home.traceFile))
    expect(attempts, 'a later attempt began, and an earlier one trained on').toEqual(attempts.toSorted((a, b) => a - b));
  await plane.kill('SIGTERM');
});

test('a second plane on the same home says who holds it; after kill -9 the home is free at once', async () => {
  const home = await aHome();
  const first = await PlaneProcess.start(home.variables);

  await expect(PlaneProcess.start(home.variables)).rejects.toThrow(/in use by another plane \(pid \d+, url http:/);
  await first.kill();

  const second = await PlaneProcess.start(home.variables);
  expect(await second.kill('SIGTERM')).toBe(0);
});

test('a stop that was accepted just before kill -9 holds: the run ends stopped, with its final checkpoint', async () => {
  const home = await aHome({ steps: 2_000 });
  const first = await PlaneProcess.start(home.variables);
  const id = await startJob(first.url);
  await jobWhen(first.url, id, ({ progress }) => (progress?.step ?? 0) > 3);
  expect((await request(first.url, 'POST', `/api/sft/jobs/${id}/stop`)).status).toBe(200);
  await first.kill();
  const second = await PlaneProcess.start(home.variables);

  const job = await jobWhen(second.url, id, ({ completed_at }) => completed_at !== null);

  expect(job).toMatchObject({ status: 'stopped', stop_detail: { message: expect.stringMatching(/last checkpoint step-\d{6}$/) } });
  await second.kill('SIGTERM');
});

async function aHome(script: Readonly<Record<string, unknown>> = {}): Promise<{ variables: Record<string, string>; traceFile: string }> {
  const folder = await makeTemporaryFolder();
  cleanUp.push(folder.remove);
  const traceFile = join(folder.path, 'trace');
  return { traceFile, variables: scriptedVariables(folder.path, { steps: STEPS, stepSeconds: 0.04, saveSteps: 5, traceFile, ...script }) };
}

async function startJob(url: string): Promise<string> {
  const { body } = await request(url, 'POST', '/api/sft/train', {
    config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: STEPS },
  });
  return String(Object(body).job_id);
}

/** The attempt number of each step trained, in the order of training, for each of the runs that share the file. */
function attemptsInOrder(traceFile: string): number[][] {
  if (!existsSync(traceFile)) return [];
  const byRun = new Map<string, number[]>();
  for (const line of readFileSync(traceFile, 'utf8').trim().split('\n')) {
    const [attempt = '', , run = ''] = line.split(' ');
    byRun.set(run, [...(byRun.get(run) ?? []), Number(attempt)]);
  }
  return [...byRun.values()];
}

/** A small generator whose whole state is its seed. Source: Tommy Ettinger's mulberry32. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
