/** What the plane does with machines that it asks for, waits for and only sees from outside. */
import { beforeEach, describe, expect, test } from 'vitest';
import { pauseRun } from '#operations/pause-run.ts';
import { resumeRun } from '#operations/resume-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Reason } from '#ports/compute.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const NO_STOCK: Reason = { code: 'capacity', sentence: 'no provider has an H100', remedy: 'it is asked for again every minute' };
const HOUR = 3_600_000;

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
  plane.compute.heartbeat = 'reports';
});

async function aLaunchedRun(): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  return id;
}

async function aTrainingRun(): Promise<string> {
  const id = await aLaunchedRun();
  const trainer = plane.trainer(id);
  await trainer.claim();
  await trainer.report('training', { step: 1 });
  await plane.settle(id);
  return id;
}

describe('without capacity', () => {
  test('a run says why it waits and what each offer answered, once, and is launched under the same tag when there is some', async () => {
    const id = await plane.create();
    plane.compute.refusal = { kind: 'no-capacity', waiting: NO_STOCK, refusals: ['us-east: sold out', 'us-west: sold out'] };
    plane.setLiveness(id, 1, 'gone'); // nothing carries the tag
    await plane.settle(id);
    plane.now += 61_000;
    await plane.settle(id);
    const waiting = await plane.run(id);
    plane.compute.refusal = null;
    plane.compute.onLaunch = () => plane.setLiveness(id, 1, 'alive');
    plane.now += 61_000;

    await plane.settle(id);

    expect(waiting).toMatchObject({ state: 'queued', waiting: { code: 'capacity' }, attempt: { number: 1, handle: null } });
    const notes = (await plane.runs.events(id, 0, 100)).filter(({ code }) => code === 'offer_refused').map(({ message }) => message);
    expect(notes).toEqual(['us-east: sold out', 'us-west: sold out']);
    expect(plane.compute.launches.map(({ tag }) => tag)).toEqual([`${id}-0001`]);
    expect(await plane.run(id)).toMatchObject({ state: 'initializing', waiting: null });
  });

  test('it asks again in a minute, or when the provider says that it may', async () => {
    const id = await plane.create();
    plane.setLiveness(id, 1, 'gone');
    plane.compute.refusal = { kind: 'no-capacity', waiting: NO_STOCK };
    const plain = await plane.settle(id);
    plane.compute.refusal = { kind: 'no-capacity', waiting: NO_STOCK, retrySeconds: 7 };
    plane.now += 60_000;
    const told = await plane.settle(id);

    expect([plain.waitSeconds, told.waitSeconds]).toEqual([60, 7]);
  });

  test('it is stopped after a day, and no machine can come any more', async () => {
    const id = await plane.create();
    plane.compute.refusal = { kind: 'no-capacity', waiting: NO_STOCK };
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);
    plane.now += 25 * HOUR;

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopped', stopDetail: { code: 'time_limit', message: 'no capacity in 86400 s' } });
    expect(await plane.trainer(id).claim()).toBe(false);
  });

  test('a stop ends the wait at once', async () => {
    const id = await plane.create();
    plane.compute.refusal = { kind: 'no-capacity', waiting: NO_STOCK };
    await plane.settle(id);
    await stopRun(plane.ports, id);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopped' });
    expect(plane.compute.released).toContain(`${id}-0001`);
  });

  test('what no offer could ever serve fails, and gives its reservation back', async () => {
    const id = await plane.create();
    plane.compute.refusal = { kind: 'impossible', failure: { code: 'no_compute', message: 'no GPU here has 640 GB' } };

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({
      state: 'failed',
      failure: { code: 'no_compute' },
      pastAttempts: [{ outcome: 'abandoned' }],
    });
    expect(plane.compute.released).toEqual([`${id}-0001`]);
  });
});

describe('a job that has no machine yet', () => {
  test('says so while it is initializing; its start is timed from when the machine came', async () => {
    const id = await aLaunchedRun();
    plane.compute.seen.set(`${id}-0001`, { waiting: { code: 'quota', sentence: 'the GPU quota is 0', remedy: 'ask AWS for more' } });
    await plane.settle(id);
    plane.now += 5 * HOUR;
    await plane.settle(id);
    const waiting = await plane.run(id);
    plane.compute.seen.clear();
    await plane.settle(id);
    plane.now += HOUR / 4;

    await plane.settle(id);

    expect(waiting).toMatchObject({ state: 'initializing', waiting: { code: 'quota' } });
    expect(await plane.run(id)).toMatchObject({ state: 'initializing', waiting: null, attempt: { number: 1 } });
  });

  test('is over when its trainer claims, even where the machine was not seen in between', async () => {
    const id = await aLaunchedRun();
    plane.compute.seen.set(`${id}-0001`, { waiting: NO_STOCK });
    await plane.settle(id);
    await plane.trainer(id).claim();

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'initializing', waiting: null, attempt: { startingSince: expect.any(String) } });
  });

  test('is stopped when none comes in a day', async () => {
    const id = await aLaunchedRun();
    plane.compute.seen.set(`${id}-0001`, { waiting: NO_STOCK });
    await plane.settle(id);
    plane.now += 25 * HOUR;

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopping', stopDetail: { code: 'time_limit' } });
  });
});

describe('a resumed run', () => {
  async function aResumedRun(): Promise<string> {
    const id = await aTrainingRun();
    await pauseRun(plane.ports, id);
    await plane.settle(id);
    await plane.trainer(id).finish('paused');
    await plane.settle(id);
    await resumeRun(plane.ports, id);
    await plane.settle(id);
    return id;
  }

  test('says that it waits for a machine, and then that its trainer is starting', async () => {
    const id = await aResumedRun();
    plane.compute.seen.set(`${id}-0002`, { waiting: NO_STOCK });
    await plane.settle(id);
    const waiting = await plane.run(id);
    plane.compute.seen.clear();
    await plane.settle(id);

    expect(waiting).toMatchObject({ state: 'paused', waiting: { code: 'capacity' }, attempt: { startingSince: null } });
    expect(await plane.run(id)).toMatchObject({ state: 'paused', waiting: { code: 'resuming' } });
  });

  test('whose trainer never claims gets another machine', async () => {
    const id = await aResumedRun();
    plane.now += HOUR;

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'paused', attempt: { number: 3 } });
    expect(plane.compute.terminated).toContain(`${id}-0002`);
  });
});

test.each(['completed', 'paused'] as const)(
  'room that a run held when the plane died is given back by the next look at it: %s',
  async (outcome) => {
    const id = await aTrainingRun();
    if (outcome === 'paused') await pauseRun(plane.ports, id);
    await plane.trainer(id).finish(outcome);
    await plane.settle(id);
    plane.compute.released.length = 0; // nobody lived to do it

    await plane.settle(id);

    expect(plane.compute.released).toContain(`${id}-0001`);
  },
);

describe('a machine that is there', () => {
  test('and whose trainer never claims is given up, and another is asked for', async () => {
    const id = await aLaunchedRun();
    plane.now += HOUR;

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ attempt: { number: 2 }, pastAttempts: [{ number: 1, outcome: 'lost' }] });
    expect(plane.compute.terminated).toEqual([`${id}-0001`]);
    expect(await plane.trainer(id, 1).claim()).toBe(false);
  });

  test('and whose trainer reports no more is silent, then lost', async () => {
    const id = await aTrainingRun();
    plane.now += 121_000;
    await plane.settle(id);
    const silent = await plane.run(id);
    plane.now += 121_000;

    await plane.settle(id);

    expect(silent.attempt?.silentSince).not.toBeNull();
    expect(await plane.run(id)).toMatchObject({ attempt: { number: 2 }, failuresSeen: { supervisor_lost: 1 } });
  });

  test('and reports again is not given up', async () => {
    const id = await aTrainingRun();
    plane.now += 121_000;
    await plane.settle(id);
    await plane.trainer(id).report('training', { sequence: 9, step: 2 });
    await plane.settle(id);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'running', attempt: { number: 1, silentSince: null } });
  });

  test('and was taken away is an interruption, in the words of its provider', async () => {
    const id = await aTrainingRun();
    plane.setLiveness(id, 1, 'gone');
    plane.compute.seen.set(`${id}-0001`, { ending: { code: 'interrupted', message: 'the spot machine was reclaimed' } });

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ failuresSeen: { interrupted: 1 }, attempt: { number: 2 } });
    expect((await plane.runs.events(id, 0, 100)).map(({ message }) => message)).toContain(
      'the spot machine was reclaimed; the next attempt goes on',
    );
  });
});

test('a launch that was not recorded is found by its tag, with the handle that the provider gives', async () => {
  const id = await plane.create();
  plane.compute.onLaunch = () => {
    throw new Error('the plane dies here');
  };
  await expect(plane.settle(id)).rejects.toThrow('dies here');
  plane.compute.seen.set(`${id}-0001`, { handle: { pod: 'abc' } });

  await plane.settle(id);

  expect(await plane.run(id)).toMatchObject({ state: 'initializing', attempt: { number: 1, handle: { pod: 'abc' } } });
  expect(plane.compute.launches).toHaveLength(1);
});
