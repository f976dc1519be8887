/** Which of the user's own machines gets a run: the plane's first, a worker where that one cannot, or should not. */
import { beforeEach, expect, test } from 'vitest';
import { WorkerCompute } from '#compute/worker-compute.ts';
import { attemptName } from '#domain/run-folder.ts';
import { OwnMachines } from '#local/own-machines.ts';
import type { LaunchOrder, Reservation } from '#ports/compute.ts';
import { aComputeNeed, aRun, aTraining } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { SwiftDocuments } from '../support/swift-documents.ts';

const FULL: Reservation = { kind: 'no-capacity', waiting: { code: 'slot', sentence: 'all 1 slots are taken', remedy: 'wait' } };
const NEVER: Reservation = { kind: 'impossible', failure: { code: 'no_compute', message: '2 GPUs were asked for; this machine has 0' } };
const LARGE = aTraining({ baseModel: { kind: 'hub', id: 'meta-llama/Llama-3.1-8B', commit: null } });

let here: MemoryPlane['compute'];
let workers: WorkerCompute;
let own: OwnMachines;
beforeEach(() => {
  here = new MemoryPlane().compute;
  const clock = { now: () => Date.UTC(2026, 0, 1) };
  workers = new WorkerCompute({ documents: new SwiftDocuments(), clock, isOnPlane: () => false, lookSeconds: 2, mark: null });
  own = new OwnMachines({ here, workers, hasGpu: false, maxRuns: 1 });
});

const aWorkerComes = (gpus: { index: number; name: string; memoryGb: number }[] = [], machines = own) =>
  machines.pool.look('box', {
    instance: 'a'.repeat(32),
    host: 'box',
    slots: 1,
    gpus,
    memoryGb: 64,
    engines: ['hf'],
    bases: [],
    sharesFolders: true,
    isLeaving: false,
    holding: [],
  });
const H100S = [0, 1].map((index) => ({ index, name: 'NVIDIA H100', memoryGb: 80 }));

function aNewRun(overrides: Parameters<typeof aRun>[0] = {}) {
  const run = aRun({ id: 'run_01kb8q6m2jf3ztv1n8a5d4c9xe', ...overrides });
  const tag = attemptName(run.id, 1);
  const order: LaunchOrder = { tag, run, attempt: 1, folder: '/x', openEnvironment: async () => ({}), invite: async () => ({}) };
  return { run, tag, order };
}

test('this machine first: while it has room no worker is given anything', async () => {
  await aWorkerComes();
  const { run, tag, order } = aNewRun();

  expect(await own.reserve(tag, run)).toEqual({ kind: 'reserved' });
  await own.launch(order);

  expect(here.launches).toHaveLength(1);
  expect((await workers.machines())[0]?.busy).toEqual([]);
});

test('without room here a worker takes it, and its place in the line here is given back', async () => {
  await aWorkerComes();
  here.reservation = FULL;
  const { run, tag, order } = aNewRun();

  expect(await own.reserve(tag, run)).toEqual({ kind: 'reserved' });
  const launch = await own.launch(order);
  const handle = launch.kind === 'launched' ? launch.handle : null;

  expect(handle).toMatchObject({ worker: 'box' });
  expect(here.launches).toEqual([]);
  expect(here.released).toEqual([tag]);
  expect(await own.observe(tag, handle)).toMatchObject({ liveness: 'alive' });
  expect(await own.observe(tag, null)).toMatchObject({ liveness: 'alive', handle: { worker: 'box' } });
});

test('what this machine could never train waits for a worker that could, and fails where none ever came', async () => {
  here.reservation = NEVER;
  const { run, tag } = aNewRun({ compute: aComputeNeed({ gpusPerNode: 2 }) });
  const alone = await own.reserve(tag, run);
  await aWorkerComes();

  expect(alone).toEqual(NEVER);
  expect(await own.reserve(tag, run)).toMatchObject({
    kind: 'no-capacity',
    waiting: { code: 'worker', sentence: 'no worker fits: box: it has 0 of the 2 GPUs' },
  });
});

test('a large model waits for the GPU of a worker instead of the processor here, a small one does not', async () => {
  await aWorkerComes(H100S);
  const large = aNewRun({ training: LARGE });

  expect(await own.reserve(large.tag, large.run)).toEqual({ kind: 'reserved' });
  await own.launch(large.order);
  const small = aNewRun({ id: 'run_01kb8q6m2jf3ztv1n8a5d4c9xf' });
  await own.reserve(small.tag, small.run);
  await own.launch(small.order);

  expect((await workers.machines())[0]?.busy).toEqual([large.tag]);
  expect(here.launches.map(({ tag }) => tag)).toEqual([small.tag]);
});

test('without a worker with a GPU the large model trains here, as slowly as it does', async () => {
  await aWorkerComes();
  const { run, tag, order } = aNewRun({ training: LARGE });

  await own.reserve(tag, run);
  await own.launch(order);

  expect(here.launches).toHaveLength(1);
});

test('where workers alone train, a run waits for one from the start, and says how to start it', async () => {
  const alone = new OwnMachines({ here, workers, hasGpu: false, maxRuns: 0 });
  const { run, tag } = aNewRun();

  const reservation = await alone.reserve(tag, run);
  const { news } = await aWorkerComes([], alone);

  expect(reservation).toMatchObject({
    waiting: { sentence: 'no worker is there', remedy: expect.stringContaining('npx tuneplane worker') },
  });
  expect(news).toEqual([tag]);
});

test('a run that waited here before its worker came waits here no longer', async () => {
  const { run, tag } = aNewRun({ training: LARGE });
  here.reservation = FULL;
  await own.reserve(tag, run);
  await aWorkerComes(H100S);

  expect(await own.reserve(tag, run)).toEqual({ kind: 'reserved' });
  expect(here.released).toEqual([tag]);
});

test('who waits for this machine hears of the first worker that ever comes', async () => {
  const { tag } = aNewRun();
  here.machines = async () => [{ name: 'here', provider: 'local', slots: 1, busy: [], waiting: [tag], gpus: [], engines: ['hf'] }];

  expect((await aWorkerComes()).news).toEqual([tag]);
  expect((await aWorkerComes()).news).toEqual([]);
});

test('after a start the workers that came before are known', async () => {
  await aWorkerComes();
  const restarted = new OwnMachines({ here, workers, hasGpu: false, maxRuns: 1 });
  await restarted.takeUp();
  here.reservation = FULL;
  const { run, tag } = aNewRun();

  expect(await restarted.reserve(tag, run)).toEqual({ kind: 'reserved' });
});
