/** A run on each provider from submit to its end, under a clock moved by hand: what the plane rents, adopts, ends and writes down. */
import { describe, expect, test } from 'vitest';
import { costOf } from '#compute/machine-ledger.ts';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import { attemptName } from '#domain/run-folder.ts';
import { stopRun } from '#operations/stop-run.ts';
import { aComputeNeed, aRun, aTraining } from '../support/builders.ts';
import { RentedWorld } from '../support/rented-world.ts';

const stateOf = async (world: RentedWorld, id: string): Promise<string> => (await world.runs.get(id))?.run.state ?? 'missing';
const runOf = async (world: RentedWorld, id: string) => {
  const view = await world.runs.get(id);
  if (!view) throw new Error(`no run ${id}`);
  return view.run;
};

async function aTrainingRun(
  world: RentedWorld,
  provider: RentingProvider,
  overrides: Parameters<RentedWorld['submit']>[1] = {},
): Promise<string> {
  const id = await world.submit(provider, overrides);
  await world.until(async () => (await stateOf(world, id)) === 'running', 1_800, 'training');
  return id;
}

describe.each(RENTING_PROVIDERS)('on %s', (provider) => {
  test('a run trains to its end on one machine, which is gone when the run is completed, and costs what the provider says', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));
    const atEnd = world.fake(provider).there().length;
    await world.until(async () => (await runOf(world, id)).pastAttempts[0]?.usd !== null && world.sweeps.length > 130, 20_000);

    const run = await runOf(world, id);
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

    expect(await runOf(world, id)).toMatchObject({ state: 'stopped', lastCheckpoint: { step: expect.any(Number) } });
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a run is over only when its machine is seen gone: an end that was accepted and not carried out is asked for again', async () => {
    const world = new RentedWorld();
    world.fake(provider).deafEnds = 2;
    const id = await world.submit(provider);
    const states = new Set<string>();

    await world.until(async () => {
      if (world.fake(provider).deafEnds < 2 && world.fake(provider).there().length > 0) states.add(await stateOf(world, id));
      return world.isFinal(id);
    });

    expect([...states]).toEqual(['running']);
    expect(await stateOf(world, id)).toBe('completed');
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('an attempt that is launched again, by whoever, gets the machine that it has', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider);
    await world.until(() => world.fake(provider).live().length > 0);
    const run = await runOf(world, id);
    const order = {
      tag: attemptName(id, 1),
      run,
      attempt: 1,
      folder: run.folder,
      openEnvironment: async () => ({}),
      invite: async () => ({}),
    };
    world.restart(); // another process: it remembers nothing

    const again = await world.ports.compute.of(provider).launch(order);

    expect(again).toMatchObject({ kind: 'launched', handle: { machine: world.fake(provider).live()[0]?.id } });
    expect(world.fake(provider).machines.size).toBe(1);
  });

  test('a machine that is taken away is replaced, and the next one goes on from the last checkpoint', async () => {
    const world = new RentedWorld({ script: { steps: 8, saveEvery: 2 } });
    const id = await aTrainingRun(world, provider);
    await world.until(async () => ((await world.runs.get(id))?.progress?.step ?? 0) >= 5);
    world.fake(provider).preempt();

    await world.until(() => world.isFinal(id));

    expect(await runOf(world, id)).toMatchObject({
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

    expect(await runOf(world, id)).toMatchObject({
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

    await world.until(async () => (await runOf(world, id)).pastAttempts.length > 0, 1_800);

    expect(await runOf(world, id)).toMatchObject({ pastAttempts: [{ outcome: 'lost', code: 'supervisor_lost' }] });
  });

  test('a request for a machine that gets no answer is looked for by its label, and what it started is taken up', async () => {
    const world = new RentedWorld();
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));

    expect(await runOf(world, id)).toMatchObject({ state: 'completed', pastAttempts: [{ number: 1 }] });
    expect(world.fake(provider).machines.size).toBe(1);
  });

  test('a machine that is taken away before anybody saw it is in the ledger with what it cost', async () => {
    const world = new RentedWorld({ bootMillis: 240_000 });
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    const id = await world.submit(provider);
    await world.until(() => world.fake(provider).machines.size > 0);
    world.now += 20_000;
    world.fake(provider).preempt();

    await world.until(() => world.isFinal(id));
    await world.until(async () => (await world.ledger(provider).open()).length === 0, 100_000);

    const billed = world.fake(provider).bill();
    const written = new Map((await world.recordsOf(id)).map(({ label, seconds }) => [label, seconds]));
    expect(billed).toHaveLength(2);
    expect(billed.map(({ label }) => written.get(label))).toEqual(billed.map(({ seconds }) => seconds));
  });

  test('a machine that shows only after its run was stopped is ended by the sweep, and its cost is written down', async () => {
    const world = new RentedWorld({ bootMillis: 600_000 });
    world.fake(provider).listLagMillis = 300_000;
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    const id = await world.submit(provider);
    await world.until(() => world.fake(provider).machines.size > 0);
    await world.act((ports) => stopRun(ports, id));
    await world.until(() => world.isFinal(id));
    const thereAtEnd = world.fake(provider).there().length;

    await world.until(() => world.fake(provider).there().length === 0, 600);
    await world.until(async () => (await world.ledger(provider).open()).length === 0, 20_000);

    const [billed] = world.fake(provider).bill();
    expect(thereAtEnd).toBe(1);
    expect(await world.recordsOf(id)).toMatchObject([{ label: billed?.label, state: 'settled', seconds: billed?.seconds }]);
  });

  test.each([
    { who: 'the one that claimed, where it came late', bootMillis: 130_000, winner: 0 },
    { who: 'the one that is recorded, where none has claimed', bootMillis: 240_000, winner: 1 },
  ])('of two machines that an unanswered request led to, the attempt is kept by $who', async ({ bootMillis, winner }) => {
    const world = new RentedWorld({ script: { steps: 12, saveEvery: 4 }, bootMillis });
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    world.fake(provider).listLagMillis = 150_000;
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));

    const machines = [...world.fake(provider).machines.values()];
    const { pastAttempts } = await runOf(world, id);
    expect(machines).toHaveLength(2);
    expect(pastAttempts).toMatchObject([{ number: 1, outcome: 'completed' }]);
    expect(world.sweeps.flatMap(({ reaped }) => reaped)).toMatchObject([
      { label: machines[1 - winner]?.label, reason: `${machines[winner]?.label} has the attempt` },
    ]);
    expect(world.fake(provider).there()).toEqual([]);
  });

  test('a request that was lost on the way is made again, under another label, after it was looked for', async () => {
    const world = new RentedWorld();
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-before' : null);
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));

    expect(await runOf(world, id)).toMatchObject({ state: 'completed' });
    const records = await world.recordsOf(id);
    expect(records.map(({ state }) => state)).toEqual(['asked', expect.stringMatching(/ended|settled/)]);
    expect(new Set(records.map(({ label }) => label)).size).toBe(2);
  });

  test('without capacity it waits and says what each offer answered, and is launched when there is some', async () => {
    const world = new RentedWorld();
    world.fake(provider).soldOut = true;
    const id = await world.submit(provider);
    await world.until(async () => (await runOf(world, id)).waiting !== null, 600);
    const waiting = await runOf(world, id);
    const events = await world.runs.events(id, 0, 100);
    world.fake(provider).soldOut = false;

    await world.until(() => world.isFinal(id));

    expect(waiting.waiting).toMatchObject({ code: 'capacity' });
    expect(events.filter(({ code }) => code === 'offer_refused').length).toBeGreaterThan(0);
    expect(await runOf(world, id)).toMatchObject({ state: 'completed' });
    expect((await world.recordsOf(id)).filter(({ state }) => state === 'never').length).toBeGreaterThan(0);
  });

  test('a key that is not accepted makes the run wait, and the reason names the setting', async () => {
    const world = new RentedWorld();
    const { key } = world.fake(provider);
    Object.assign(world.fake(provider), { key: 'another key' });
    const id = await world.submit(provider);

    await world.until(async () => (await runOf(world, id)).waiting !== null, 600);

    const { waiting } = await runOf(world, id);
    expect(waiting).toMatchObject({ code: 'provider', sentence: expect.stringMatching(/_API_KEY is not accepted/) });
    expect(JSON.stringify(waiting)).not.toContain(key);
  });

  test('several nodes are refused', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider, { compute: aComputeNeed({ nodes: 4, gpusPerNode: 8 }) });

    await world.until(() => world.isFinal(id), 60);

    expect(await runOf(world, id)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
    expect(world.fake(provider).machines.size).toBe(0);
  });
});

describe('what is chosen', () => {
  test('without a GPU type, the cheapest that has the memory, and the estimate says its sum', async () => {
    const world = new RentedWorld();
    const training = aTraining({
      baseModel: { kind: 'hub', id: 'meta-llama/Llama-3.1-8B', commit: null },
      dataset: { kind: 'hub', id: 'tatsu-lab/alpaca', commit: null },
    });
    training.hyperparameters.batchSize = 16;
    const id = await world.submit('runpod', { training });

    await world.until(() => world.isFinal(id));

    const run = await runOf(world, id);
    expect(run.pastAttempts[0]?.place).toMatch(/^NVIDIA A100 80GB PCIe in/);
    expect(run.choices.find(({ name }) => name === 'gpu_memory')?.reason).toMatch(/8 B parameters: weights 16\.0 \+ /);
  });

  test('a GPU type, a region and a price are kept', async () => {
    const world = new RentedWorld();
    const id = await world.submit('runpod', { compute: aComputeNeed({ gpuType: 'H100', region: 'EU', maxUsdPerHour: 3 }) });

    await world.until(() => world.isFinal(id));

    expect((await runOf(world, id)).pastAttempts[0]?.place).toBe('NVIDIA H100 80GB HBM3 in EU-RO-1 for 2.69 USD an hour');
  });

  test('above the price nothing is rented, and the run says so', async () => {
    const world = new RentedWorld();
    const id = await world.submit('runpod', { compute: aComputeNeed({ gpuType: 'H100', maxUsdPerHour: 2 }) });

    await world.until(async () => (await runOf(world, id)).waiting !== null, 60);

    expect((await runOf(world, id)).waiting?.sentence).toMatch(/2 offers above 2 USD an hour/);
    expect(world.fake('runpod').machines.size).toBe(0);
  });

  test('a GPU that the provider never has fails the run at once', async () => {
    const world = new RentedWorld();
    const id = await world.submit('lambda', { compute: aComputeNeed({ gpuType: 'B300' }) });

    await world.until(() => world.isFinal(id), 60);

    expect(await runOf(world, id)).toMatchObject({
      state: 'failed',
      failure: { code: 'no_compute', message: expect.stringMatching(/of another GPU than B300/) },
    });
  });

  test('machines that may be taken away are bid for, and refused where the provider has none', async () => {
    const world = new RentedWorld();
    const [bid, refused] = [
      await world.submit('vastai', { compute: aComputeNeed({ spot: true, gpuType: 'RTX 4090' }) }),
      await world.submit('runpod', { compute: aComputeNeed({ spot: true }) }),
    ];

    await world.until(async () => (await world.isFinal(bid)) && (await world.isFinal(refused)));

    expect((await runOf(world, bid)).pastAttempts[0]?.place).toBe('RTX 4090 in Texas, US for 0.26 USD an hour, interruptible');
    expect(await runOf(world, refused)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
  });

  test('a refusal that left a machine behind is no machine for long, and its cost is written down', async () => {
    const world = new RentedWorld();
    world.fakes.vastai.leavesBehind = 1;
    const id = await world.submit('vastai', { compute: aComputeNeed({ spot: true, gpuType: 'H100' }) });

    await world.until(() => world.isFinal(id));

    expect(await runOf(world, id)).toMatchObject({ state: 'completed' });
    expect(world.fake('vastai').machines.size).toBe(2);
    expect(world.fake('vastai').there()).toEqual([]);
    expect(await world.recordsOf(id)).toHaveLength(2);
    expect((await world.recordsOf(id)).map((record) => costOf(record, world.now).seconds)).toEqual(
      world
        .fake('vastai')
        .bill()
        .map(({ seconds }) => seconds),
    );
  });

  test('a rule that every offer breaks is no lack of machines, and the run says which', async () => {
    const world = new RentedWorld();
    world.fakes.runpod.brokenRule = 'image is invalid: no such manifest';
    const id = await world.submit('runpod');

    await world.until(async () => (await runOf(world, id)).waiting !== null, 600);
    const { waiting } = await runOf(world, id);
    world.fakes.runpod.brokenRule = null;
    await world.until(() => world.isFinal(id));

    expect(waiting).toMatchObject({
      code: 'provider',
      sentence: expect.stringMatching(/^RunPod refuses what is asked of it: .*no such manifest$/),
    });
    expect(await runOf(world, id)).toMatchObject({ state: 'completed' });
  });

  test('data that lies on the machine of the plane is refused before anything is rented', async () => {
    const world = new RentedWorld();
    const file = { path: 'rows.jsonl', sizeBytes: 5, sha256: 'a'.repeat(64), location: '/data/rows.jsonl', split: 'train' as const };
    const id = await world.submit('runpod', { training: aTraining({ dataset: { kind: 'files', uri: 'rows.jsonl', files: [file] } }) });

    await world.until(() => world.isFinal(id), 600);

    expect(await runOf(world, id)).toMatchObject({ state: 'failed', failure: { code: 'data_unreachable' } });
    expect(world.fake('runpod').machines.size).toBe(0);
  });

  test.each([
    ['s3://store/model/', 'reserved'],
    ['/home/plane/model/', 'impossible'],
  ])('a hypernetwork at %s: a machine for it is %s', async (folder, kind) => {
    const run = aRun({ provider: 'runpod', purpose: 'generate', hypernetwork: { kind: 'run', runId: 'run_z', folder, files: [] } });

    expect(await new RentedWorld().ports.compute.of('runpod').reserve('tag', run)).toMatchObject({ kind });
  });
});
