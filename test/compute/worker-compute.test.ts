/** Workers as a compute, with a clock moved by hand: leases from reservation to their end, lost workers, names, the line. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { WORKER_LINE } from '#compute/waiting-runs.ts';
import { WorkerCompute } from '#compute/worker-compute.ts';
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { WorkerReport } from '#domain/worker.ts';
import { type LaunchOrder, StillEnding } from '#ports/compute.ts';
import { NameTaken } from '#ports/run-store.ts';
import { aComputeNeed, aRun } from '../support/builders.ts';
import { SwiftDocuments } from '../support/swift-documents.ts';

let now: number;
let documents: SwiftDocuments;
let compute: WorkerCompute;
beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  documents = new SwiftDocuments();
  compute = open();
});

/** Another process of the same plane. */
const open = (): WorkerCompute =>
  new WorkerCompute({ documents, clock: { now: () => now }, isOnPlane: () => false, lookSeconds: 2, mark: null });

/** A machine that does as it is told, when it looks. */
class Box {
  readonly held = new Set<string>();
  readonly started: string[] = [];
  isDeaf = false;
  readonly #name: string;
  readonly #overrides: Partial<WorkerReport>;

  constructor(name: string, overrides: Partial<WorkerReport> = {}) {
    this.#name = name;
    this.#overrides = overrides;
  }

  async look(overrides: Partial<WorkerReport> = {}) {
    const orders = await compute.look(this.#name, {
      instance: Buffer.from(this.#name.padEnd(16)).toString('hex'),
      host: this.#name,
      slots: 1,
      gpus: [],
      memoryGb: 64,
      engines: ['hf'],
      bases: [],
      sharesFolders: false,
      isLeaving: false,
      holding: [...this.held].map((attempt) => ({ attempt, isAlive: true })),
      ...this.#overrides,
      ...overrides,
    });
    if (this.isDeaf) return orders; // the answer was lost
    for (const { tag } of orders.start) {
      this.held.add(tag);
      this.started.push(tag);
    }
    for (const tag of orders.end) this.held.delete(tag);
    return orders;
  }
}

const orderOf = (run: Run): LaunchOrder => ({
  tag: attemptName(run.id, 1),
  run,
  attempt: 1,
  folder: 's3://bucket/x',
  openEnvironment: async () => ({}),
  invite: async () => ({}),
});

let runs = 0;
function aWaitingRun(compute_: Parameters<typeof aComputeNeed>[0] = {}) {
  const run = aRun({ id: `run_01kb8q6m2jf3ztv1n8a5d4c9${String(runs++).padStart(2, '0')}`, compute: aComputeNeed(compute_) });
  return { run, tag: attemptName(run.id, 1) };
}

async function aLaunchedRun(box: Box) {
  const { run, tag } = aWaitingRun();
  await box.look();
  expect(await compute.reserve(tag, run)).toEqual({ kind: 'reserved' });
  expect(await compute.launch(orderOf(run))).toMatchObject({ kind: 'launched' });
  return { run, tag };
}

describe('an attempt', () => {
  test('is reserved, told at the next look, held, and over when the worker has it no more', async () => {
    const box = new Box('box');
    const { run, tag } = await aLaunchedRun(box);
    const before = await compute.observe(tag, null);
    await box.look();
    const told = await compute.observe(tag, null);
    await box.look();
    const held = await compute.observe(tag, null);
    box.held.delete(tag); // its trainer has ended
    const { news } = await box.look();

    expect(before).toMatchObject({ liveness: 'alive', waiting: { code: 'worker' }, handle: { worker: 'box', place: 'worker box' } });
    expect(told).toMatchObject({ waiting: { code: 'worker' } }); // the worker said nothing of it yet
    expect(held).toMatchObject({ liveness: 'alive', handle: { worker: 'box' } });
    expect(held.waiting).toBeUndefined();
    expect(news).toEqual([tag]);
    expect(await compute.observe(tag, { worker: 'box' })).toEqual({ liveness: 'gone' });
    await compute.terminate(tag);
    await compute.release(tag);
    expect(box.started).toEqual([tag]);
    expect(await compute.reserve(tag, run)).toEqual({ kind: 'reserved' });
  });

  test('is told again where the answer was lost, and started once', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);
    box.isDeaf = true;
    await box.look();
    box.isDeaf = false;
    await box.look();
    await box.look();

    expect(box.started).toEqual([tag]);
  });

  test('that is to end is over when the worker has ended it, and not before', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);
    await box.look();
    await box.look();

    await expect(compute.terminate(tag)).rejects.toThrow(StillEnding);
    expect((await box.look()).end).toEqual([tag]);
    await expect(compute.terminate(tag)).rejects.toThrow(StillEnding);
    await box.look();
    await compute.terminate(tag);
  });

  test('that is to end before the worker heard of it is never started', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);

    await expect(compute.terminate(tag)).rejects.toThrow(StillEnding);
    await box.look();
    await compute.terminate(tag);

    expect(box.started).toEqual([]);
  });

  test('whose trainer does not answer is silent', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);
    await box.look();
    await box.look({ holding: [{ attempt: tag, isAlive: false }] });

    expect(await compute.observe(tag, { worker: 'box' })).toEqual({ liveness: 'silent' });
  });
});

describe('a worker that is lost', () => {
  test('is silent after half a minute, not waited for after two, and told to end what it still has when it comes back', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);
    await box.look();
    await box.look();
    now += 31_000;
    const silent = await compute.observe(tag, { worker: 'box' });
    const waited = await compute.terminate(tag).catch((error: unknown) => error);
    now += 90_000;
    await compute.terminate(tag);
    await compute.release(tag);

    expect(silent).toEqual({ liveness: 'silent' });
    expect(waited).toBeInstanceOf(StillEnding);
    expect((await box.look()).end).toEqual([tag]);
  });

  test('that comes back in time goes on with what it has', async () => {
    const box = new Box('box');
    const { tag } = await aLaunchedRun(box);
    await box.look();
    await box.look();
    now += 60_000;

    expect(await box.look()).toMatchObject({ start: [], end: [] });
    expect(await compute.observe(tag, { worker: 'box' })).toEqual({ liveness: 'alive' });
  });

  test('gets nothing new meanwhile', async () => {
    const [away, there] = [new Box('away'), new Box('there')];
    await away.look();
    now += 31_000;
    await there.look();
    const { run, tag } = aWaitingRun();

    await compute.reserve(tag, run);
    await compute.launch(orderOf(run));

    expect(await compute.observe(tag, null)).toMatchObject({ handle: { worker: 'there' } });
  });
});

describe('a name', () => {
  test('is one machine at a time: another one is refused, until the first was silent', async () => {
    const first = new Box('box');
    await first.look();
    const other = new Box('box', { instance: 'f'.repeat(32) });

    await expect(other.look()).rejects.toThrow(NameTaken);
    now += 31_000;
    await other.look();
    await expect(first.look()).rejects.toThrow(NameTaken);
  });

  test('that another machine took does not hold what the first one had', async () => {
    const first = new Box('box');
    const { tag } = await aLaunchedRun(first);
    await first.look();
    await first.look();
    now += 31_000;

    await new Box('box', { instance: 'f'.repeat(32) }).look();

    expect(await compute.observe(tag, { worker: 'box' })).toEqual({ liveness: 'gone' });
  });
});

describe('a run waits', () => {
  test('without a worker, and says how to start one', async () => {
    const { run, tag } = aWaitingRun();

    expect(await compute.reserve(tag, run)).toEqual({
      kind: 'no-capacity',
      waiting: { code: 'worker', sentence: 'no worker is there', remedy: expect.stringContaining('npx tuneplane worker') },
    });
  });

  test('where none fits, and says of each why', async () => {
    await new Box('small').look();
    await new Box('gone', { isLeaving: true }).look();
    const { run, tag } = aWaitingRun({ gpusPerNode: 8 });

    expect(await compute.reserve(tag, run)).toMatchObject({
      waiting: { code: 'worker', sentence: 'no worker fits: gone: it is leaving; small: it has 0 of the 8 GPUs' },
    });
  });

  test('while all are busy, and the oldest is looked at when a worker with room comes', async () => {
    const box = new Box('box');
    const first = await aLaunchedRun(box);
    await box.look();
    const [second, third] = [aWaitingRun(), aWaitingRun()];
    for (const { tag, run } of [third, second])
      expect(await compute.reserve(tag, run)).toMatchObject({ kind: 'no-capacity', waiting: { code: 'worker' } });
    const [machine] = await compute.machines();
    box.held.clear();
    await box.look();
    await compute.release(first.tag);

    const { news } = await box.look();

    expect(machine).toMatchObject({ name: 'box', busy: [first.tag], waiting: [second.tag, third.tag] });
    expect(news).toEqual([second.tag]);
    expect(await compute.reserve(third.tag, third.run)).toMatchObject({ kind: 'no-capacity' });
    expect(await compute.reserve(second.tag, second.run)).toEqual({ kind: 'reserved' });
  });

  test('for ever on several nodes, so it is refused', async () => {
    const { run, tag } = aWaitingRun({ nodes: 2 });

    expect(await compute.reserve(tag, run)).toMatchObject({ kind: 'impossible', failure: { code: 'no_compute' } });
  });
});

test('of many that ask at once no slot is given twice, by whichever process', async () => {
  const boxes = Array.from({ length: 3 }, (_, index) => new Box(`box-${index}`));
  for (const box of boxes) await box.look();
  const asking = Array.from({ length: 12 }, () => aWaitingRun());
  const processes = [open(), open(), compute];

  const answers = await Promise.all(asking.map(({ tag, run }, index) => (processes[index % 3] ?? compute).reserve(tag, run)));
  const machines = await compute.machines();

  expect(machines.flatMap(({ busy }) => busy)).toHaveLength(answers.filter(({ kind }) => kind === 'reserved').length);
  for (const { busy } of machines) expect(busy.length).toBeLessThanOrEqual(1);
  for (const { tag, run } of asking) await compute.reserve(tag, run);
  expect((await compute.machines()).map(({ busy }) => busy.length)).toEqual([1, 1, 1]);
});

describe('a line of more than a thousand', () => {
  const TAGS = Array.from({ length: 1_200 }, (_, index) => attemptName(`run_${String(index).padStart(26, '0')}`, 1));
  const [oldest = '', second = ''] = TAGS;

  test('has its oldest in front', async () => {
    const run = aRun({ compute: aComputeNeed() });
    for (const tag of TAGS.toReversed()) await compute.reserve(tag, run);

    const { news } = await new Box('box').look();

    expect(news).toEqual([oldest]);
    expect(await compute.reserve(second, run)).toMatchObject({ kind: 'no-capacity' });
    expect(await compute.reserve(oldest, run)).toEqual({ kind: 'reserved' });
  });

  test('is read by nobody where there is no room', async () => {
    const box = new Box('box');
    await aLaunchedRun(box);
    const lists = vi.spyOn(documents, 'list');

    for (const tag of TAGS) await compute.reserve(tag, aRun({ compute: aComputeNeed() }));
    await box.look();

    expect(lists.mock.calls.filter(([collection]) => collection === WORKER_LINE)).toEqual([]);
  });
});
