/** Which machine is rented for a run, what is bid, and what is said where none will do. */
import { describe, expect, test } from 'vitest';
import { costOf } from '#compute/machine-ledger.ts';
import { aComputeNeed, aRun, aTraining } from '../support/builders.ts';
import { RentedWorld } from '../support/rented-world.ts';

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

    const run = await world.run(id);
    expect(run.pastAttempts[0]?.place).toMatch(/^NVIDIA A100 80GB PCIe in/);
    expect(run.choices.find(({ name }) => name === 'gpu_memory')?.reason).toMatch(/8 B parameters: weights 16\.0 \+ /);
  });

  test('a GPU type, a region and a price are kept', async () => {
    const world = new RentedWorld();
    const id = await world.submit('runpod', { compute: aComputeNeed({ gpuType: 'H100', region: 'EU', maxUsdPerHour: 3 }) });

    await world.until(() => world.isFinal(id));

    expect((await world.run(id)).pastAttempts[0]?.place).toBe('NVIDIA H100 80GB HBM3 in EU-RO-1 for 2.69 USD an hour');
  });

  test('above the price nothing is rented, and the run says so', async () => {
    const world = new RentedWorld();
    const id = await world.submit('runpod', { compute: aComputeNeed({ gpuType: 'H100', maxUsdPerHour: 2 }) });

    await world.until(async () => (await world.run(id)).waiting !== null, 60);

    expect((await world.run(id)).waiting?.sentence).toMatch(/2 offers above 2 USD an hour/);
    expect(world.fake('runpod').machines.size).toBe(0);
  });

  test('a GPU that the provider never has fails the run at once', async () => {
    const world = new RentedWorld();
    const id = await world.submit('lambda', { compute: aComputeNeed({ gpuType: 'B300' }) });

    await world.until(() => world.isFinal(id), 60);

    expect(await world.run(id)).toMatchObject({
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

    expect((await world.run(bid)).pastAttempts[0]?.place).toBe('RTX 4090 in Texas, US for 0.26 USD an hour, interruptible');
    expect(await world.run(refused)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
  });

  test('a refusal that left a machine behind is no machine for long, and its cost is written down', async () => {
    const world = new RentedWorld();
    world.fakes.vastai.leavesBehind = 1;
    const id = await world.submit('vastai', { compute: aComputeNeed({ spot: true, gpuType: 'H100' }) });

    await world.until(() => world.isFinal(id));

    expect(await world.run(id)).toMatchObject({ state: 'completed' });
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

    await world.until(async () => (await world.run(id)).waiting !== null, 600);
    const { waiting } = await world.run(id);
    world.fakes.runpod.brokenRule = null;
    await world.until(() => world.isFinal(id));

    expect(waiting).toMatchObject({
      code: 'provider',
      sentence: expect.stringMatching(/^RunPod refuses what is asked of it: .*no such manifest$/),
    });
    expect(await world.run(id)).toMatchObject({ state: 'completed' });
  });

  test('data that lies on the machine of the plane is refused before anything is rented', async () => {
    const world = new RentedWorld();
    const file = { path: 'rows.jsonl', sizeBytes: 5, sha256: 'a'.repeat(64), location: '/data/rows.jsonl', split: 'train' as const };
    const id = await world.submit('runpod', { training: aTraining({ dataset: { kind: 'files', uri: 'rows.jsonl', files: [file] } }) });

    await world.until(() => world.isFinal(id), 600);

    expect(await world.run(id)).toMatchObject({ state: 'failed', failure: { code: 'data_unreachable' } });
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
