/** A run on each provider from submit to its end, under a clock moved by hand: what the plane rents, adopts, ends and writes down. */
import { describe, expect, test } from 'vitest';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import { stopRun } from '#operations/stop-run.ts';
import { aComputeNeed } from '../support/builders.ts';
import { RentedWorld } from '../support/rented-world.ts';

async function aTrainingRun(
  world: RentedWorld,
  provider: RentingProvider,
  overrides: Parameters<RentedWorld['submit']>[1] = {},
): Promise<string> {
  const id = await world.submit(provider, overrides);
  await world.until(async () => (await world.run(id)).state === 'running', 1_800, 'training');
  return id;
}

describe.each(RENTING_PROVIDERS)('on %s', (provider) => {
  test('a run trains to its end on one machine, which is gone when the run is completed, and costs what the provider says', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));
    const atEnd = world.fake(provider).there().length;
    await world.until(async () => (await world.run(id)).pastAttempts[0]?.usd !== null && world.sweeps.length > 130, 20_000);

    const run = await world.run(id);
    expect(run).toMatchObject({
      state: 'completed',
      pastAttempts: [{ outcome: 'completed', code: null, place: expect.stringMatching(/USD an hour/) }],
    });
    expect(atEnd).toBe(0);
    expect(world.fake(provider).machines.size).toBe(1);
    expect(world.fake(provider).tooFast).toBe(0);
    expect(world.errors).toEqual([]);
    const [billed] = world.fake(provider).bill();
    const [record] = await world.recordsOf(id);
    expect(record).toMatchObject({ state: 'settled', seconds: billed?.seconds });
    expect(run.pastAttempts[0]?.usd).toBeCloseTo(billed?.usd ?? -1, 3);
    expect(run.pastAttempts[0]?.spentGpuSeconds).toBe(billed?.seconds);
    expect(run.pastAttempts[0]?.usefulGpuSeconds).toBeGreaterThan(0);
    expect(run.pastAttempts[0]?.usefulGpuSeconds).toBeLessThan(billed?.seconds ?? 0);
    expect(run.choices.map(({ name }) => name)).toEqual(expect.arrayContaining(['gpu_memory', 'disk', 'store_egress']));
  });

  test('a cancel saves a checkpoint, and the machine is gone when the run is stopped', async () => {
    const world = new RentedWorld({ script: { steps: 1_000, saveEvery: 100 } });
    const id = await aTrainingRun(world, provider);
    await world.act((ports) => stopRun(ports, id));

    await world.until(() => world.isFinal(id), 600);

    expect(await world.run(id)).toMatchObject({ state: 'stopped', lastCheckpoint: { step: expect.any(Number) } });
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a run is over only when its machine is seen gone: an end that was accepted and not carried out is asked for again', async () => {
    const world = new RentedWorld();
    world.fake(provider).deafEnds = 2;
    const id = await world.submit(provider);
    const states = new Set<string>();

    await world.until(async () => {
      if (world.fake(provider).deafEnds < 2 && world.fake(provider).there().length > 0) states.add((await world.run(id)).state);
      return world.isFinal(id);
    });

    expect([...states]).toEqual(['running']);
    expect((await world.run(id)).state).toBe('completed');
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a machine that is taken away is replaced, and the next one goes on from the last checkpoint', async () => {
    const world = new RentedWorld({ script: { steps: 8, saveEvery: 2 } });
    const id = await aTrainingRun(world, provider);
    await world.until(async () => ((await world.runs.get(id))?.progress?.step ?? 0) >= 5);
    world.fake(provider).preempt();

    await world.until(() => world.isFinal(id));

    expect(await world.run(id)).toMatchObject({
      state: 'completed',
      pastAttempts: [
        { outcome: 'lost', code: 'interrupted' },
        { outcome: 'completed', resumedFromStep: 4 },
      ],
    });
    expect(world.host.trace.filter((line) => line.startsWith(`${id} 2`))[0]).toBe(`${id} 2 5`);
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a machine without a working GPU is ended, and another one takes the run', async () => {
    const world = new RentedWorld();
    world.host.isUnfit = ({ id: machine }) => machine === [...world.fake(provider).machines.keys()][0];
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));

    expect(await world.run(id)).toMatchObject({
      state: 'completed',
      pastAttempts: [
        { outcome: 'failed', code: 'machine_unfit' },
        { outcome: 'completed', code: null },
      ],
    });
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a machine whose trainer never claims is given up after its time, and the log of its provider says why', async () => {
    const world = new RentedWorld({ bootMillis: 10_000_000 });
    const id = await world.submit(provider);

    await world.until(async () => (await world.run(id)).pastAttempts.length > 0, 1_800);

    expect(await world.run(id)).toMatchObject({ pastAttempts: [{ outcome: 'lost', code: 'supervisor_lost' }] });
  });

  test('without capacity it waits and says what each offer answered, and is launched when there is some', async () => {
    const world = new RentedWorld();
    world.fake(provider).soldOut = true;
    const id = await world.submit(provider);
    await world.until(async () => (await world.run(id)).waiting !== null, 600);
    const waiting = await world.run(id);
    const events = await world.runs.events(id, 0, 100);
    world.fake(provider).soldOut = false;

    await world.until(() => world.isFinal(id));

    expect(waiting.waiting).toMatchObject({ code: 'capacity' });
    expect(events.filter(({ code }) => code === 'offer_refused').length).toBeGreaterThan(0);
    expect(await world.run(id)).toMatchObject({ state: 'completed' });
    expect((await world.recordsOf(id)).filter(({ state }) => state === 'never').length).toBeGreaterThan(0);
  });

  test('a key that is not accepted makes the run wait, and the reason names the setting', async () => {
    const world = new RentedWorld();
    const { key } = world.fake(provider);
    Object.assign(world.fake(provider), { key: 'another key' });
    const id = await world.submit(provider);

    await world.until(async () => (await world.run(id)).waiting !== null, 600);

    const { waiting } = await world.run(id);
    expect(waiting).toMatchObject({ code: 'provider', sentence: expect.stringMatching(/_API_KEY\) is not accepted/) });
    expect(JSON.stringify(waiting)).not.toContain(key);
  });

  test('several nodes are refused', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider, { compute: aComputeNeed({ nodes: 4, gpusPerNode: 8 }) });

    await world.until(() => world.isFinal(id), 60);

    expect(await world.run(id)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
    expect(world.fake(provider).machines.size).toBe(0);
  });
});
