/** Runs on workers, with a clock moved by hand: what the plane decides when a worker comes, trains, is lost, and comes back. */
import { beforeEach, expect, test } from 'vitest';
import { WorkerCompute } from '#compute/worker-compute.ts';
import { attemptName, controlSchema, runFolderKeys } from '#domain/run-folder.ts';
import { claimAttempt, renewGrant } from '#operations/claim-attempt.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import { lookForWork, type WorkAnswer } from '#operations/look-for-work.ts';
import type { Ports } from '#ports/ports.ts';
import { aComputeNeed } from '../support/builders.ts';
import { MemoryPlane, MemoryTrainer } from '../support/memory-plane.ts';

let plane: MemoryPlane;
let ports: Ports;
beforeEach(() => {
  plane = new MemoryPlane();
  const workers = new WorkerCompute({
    documents: plane.documents,
    clock: plane.ports.clock,
    isOnPlane: () => false,
    lookSeconds: 5,
    mark: null,
  });
  ports = Object.assign(plane.ports, { compute: new ComputeTable({ local: workers }) });
});

/** A worker that starts what it is told, and whose trainers claim and train when the test says so. */
class Box {
  readonly name: string;
  readonly held = new Map<string, string>();
  readonly #instance: string;

  constructor(name: string) {
    this.name = name;
    this.#instance = Buffer.from(name.padEnd(16)).toString('hex');
  }

  async look(token?: string): Promise<WorkAnswer> {
    const own = token ?? (await ports.machineTokens.issue('worker', this.name));
    const answer = await lookForWork(ports, this.name, own, {
      instance: this.#instance,
      host: this.name,
      slots: 1,
      gpus: [],
      memoryGb: 64,
      engines: ['hf'],
      bases: [],
      sharesFolders: false,
      isLeaving: false,
      holding: [...this.held.keys()].map((attempt) => ({ attempt, isAlive: true })),
    });
    for (const { attempt, bootstrapToken } of answer.start) this.held.set(attempt, bootstrapToken);
    for (const attempt of answer.end) this.held.delete(attempt);
    return answer;
  }

  async claim(runId: string, attempt: number): Promise<{ trainer: MemoryTrainer; sessionToken: string }> {
    const name = attemptName(runId, attempt);
    const claimId = `claim_${this.name.padEnd(16, '0').replaceAll('-', '')}`;
    const request = { claimId, host: this.name, pid: 1, machine: this.name };
    const { sessionToken } = await claimAttempt(ports, name, this.held.get(name) ?? '', request);
    const trainer = new MemoryTrainer(plane.artifacts, runId, attempt, () => plane.now, `runs/${runId}/framework=hf`, claimId);
    return { trainer, sessionToken };
  }
}

async function aTrainingRun(box: Box): Promise<{ id: string; trainer: MemoryTrainer; sessionToken: string }> {
  const id = await plane.create();
  await box.look();
  await plane.settle(id);
  await box.look();
  const { trainer, sessionToken } = await box.claim(id, 1);
  await trainer.report('training', { step: 3 });
  await box.look();
  await plane.settle(id);
  expect(await plane.run(id)).toMatchObject({ state: 'running' });
  return { id, trainer, sessionToken };
}

test('a run waits for a worker, is looked at when one comes, and trains there', async () => {
  const id = await plane.create();
  await plane.settle(id);
  const waiting = await plane.run(id);
  const box = new Box('box1');
  await box.look();
  const nudged = [...plane.nudged];
  await plane.settle(id);
  const { start } = await box.look();
  const { trainer } = await box.claim(id, 1);
  await box.look();
  await trainer.report('training', { step: 1 });
  await plane.settle(id);
  const training = await plane.run(id);
  await trainer.finish('completed');
  await plane.settle(id); // it is asked to end
  box.held.clear();
  await box.look();

  await plane.settle(id);

  expect(waiting).toMatchObject({ state: 'queued', waiting: { code: 'worker', sentence: 'no worker is there' } });
  expect(nudged).toContain(id);
  expect(start).toMatchObject([{ attempt: `${id}-0001`, runId: id, number: 1, gpus: [] }]);
  expect(training).toMatchObject({ state: 'running', waiting: null, attempt: { handle: { worker: 'box1' } } });
  expect(await plane.run(id)).toMatchObject({ state: 'completed', pastAttempts: [{ outcome: 'completed', place: 'worker box1' }] });
});

test('a run of a lost worker goes on at another from its last checkpoint, and the lost one can neither claim, renew nor train on', async () => {
  const [lost, other] = [new Box('box1'), new Box('box2')];
  const { id, trainer, sessionToken } = await aTrainingRun(lost);
  await trainer.checkpoint(2);
  for (let minute = 0; minute < 6; minute++) {
    plane.now += 60_000;
    await other.look();
    await plane.settle(id);
  }
  await other.look();
  const { trainer: second } = await other.claim(id, 2);
  await second.report('training', { step: 4 });
  await other.look();
  await plane.settle(id);
  const back = await lost.look();

  expect(await plane.run(id)).toMatchObject({
    state: 'running',
    attempt: { number: 2, handle: { worker: 'box2' }, resumeFrom: { step: 2 } },
    pastAttempts: [{ outcome: 'lost', code: 'supervisor_lost', place: 'worker box1' }],
  });
  const control = await plane.artifacts.get(`runs/${id}/framework=hf/${runFolderKeys.control(id, 1)}`);
  expect(controlSchema.parse(JSON.parse(control ?? ''))).toMatchObject({ want: 'superseded' });
  await expect(renewGrant(ports, `${id}-0001`, sessionToken)).rejects.toMatchObject({ code: 'transition_refused' });
  await expect(lost.claim(id, 1)).rejects.toMatchObject({ code: expect.stringMatching(/transition_refused|unauthorized/) });
  expect(back).toMatchObject({ start: [], end: [`${id}-0001`] });
});

test('a worker that stops speaking while the plane is down loses nothing: its trainer goes on', async () => {
  const box = new Box('box1');
  const { id, trainer } = await aTrainingRun(box);
  plane.now += 3_600_000; // nobody looked and nobody was looked at
  await trainer.report('training', { step: 9 });
  await box.look();
  await plane.settle(id);

  expect(await plane.run(id)).toMatchObject({ state: 'running', attempt: { number: 1 } });
});

test('a worker whose token is another’s, or none, hears nothing', async () => {
  const token = await ports.machineTokens.issue('worker', 'box2');

  await expect(new Box('box1').look(token)).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(new Box('box1').look('nothing')).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(new Box('box1').look(await ports.machineTokens.issue('session', 'box1'))).rejects.toMatchObject({ code: 'unauthorized' });
});

test('a run that fits no worker says why of each, and is refused on several nodes', async () => {
  await new Box('box1').look();
  const wide = await plane.create({ compute: aComputeNeed({ gpusPerNode: 2 }) });
  const spread = await plane.create({ compute: aComputeNeed({ nodes: 2 }) });
  await plane.settle(wide);
  await plane.settle(spread);

  expect(await plane.run(wide)).toMatchObject({
    waiting: { code: 'worker', sentence: 'no worker fits: box1: it has 0 of the 2 GPUs' },
  });
  expect(await plane.run(spread)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
});
