/** The sweep over rented machines: whose end is asked for, and who is left alone. */
import { beforeEach, expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { reapMachines } from '#operations/reap-machines.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Bill, Rental, RentedMachine } from '#ports/rental.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const DAY = 86_400_000;
const NO_BILL: Bill = { machines: 0, seconds: 0, gpuSeconds: 0, usd: 0, isFinal: true };

class ScriptedRental implements Rental {
  readonly provider = 'runpod';
  machines: RentedMachine[] = [];
  readonly ended: string[] = [];
  readonly isStuck = new Set<string>();
  changed: readonly string[] = [];
  current: Bill = NO_BILL;
  isAway = false;

  async check(): Promise<string> {
    return 'the key is good';
  }

  async owned(): Promise<readonly RentedMachine[]> {
    if (this.isAway) throw new Error('no answer');
    return this.machines;
  }

  async handleOf({ id, label }: RentedMachine) {
    return { machine: id, label };
  }

  async end({ id }: RentedMachine): Promise<void> {
    if (this.isStuck.has(id)) throw new Error(`${id} cannot be ended`);
    this.ended.push(id);
  }

  async settle(): Promise<readonly string[]> {
    return this.changed;
  }

  async bill(): Promise<Bill> {
    return this.current;
  }

  async lastWords(): Promise<readonly string[]> {
    return [];
  }

  rent(id: string, tag: string, askedAt: number): void {
    this.machines.push({ provider: this.provider, id, label: `label-of-${id}`, tag, askedAt });
  }
}

let plane: MemoryPlane;
let rental: ScriptedRental;
beforeEach(() => {
  plane = new MemoryPlane();
  rental = new ScriptedRental();
  Object.assign(plane.compute, { rental, heartbeat: 'reports' });
});

/** A run whose first attempt was launched; with the machine that has it, if it is named. */
async function aLiveRun(machine?: string): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  if (machine !== undefined) rental.rent(machine, attemptName(id, 1), plane.now);
  return id;
}

test('the machine of a live attempt is left alone', async () => {
  await aLiveRun('mine');

  expect(await reapMachines(plane.ports)).toEqual({ reaped: [], faults: [] });
  expect(rental.ended).toEqual([]);
});

test('a machine that no run is recorded for is ended', async () => {
  rental.rent('orphan', 'run_01kb8q6m2jf3ztv1n8a5d4c9xe-0001', plane.now);

  const { reaped } = await reapMachines(plane.ports);

  expect(rental.ended).toEqual(['orphan']);
  expect(reaped).toEqual([{ provider: 'runpod', label: 'label-of-orphan', reason: 'no run is recorded for it' }]);
});

test('a machine of a run that is over, or of an attempt that is, is ended', async () => {
  const over = await aLiveRun('left over');
  const next = await aLiveRun('of the first attempt');
  await stopRun(plane.ports, over);
  for (const id of [over, next]) {
    const trainer = plane.trainer(id);
    await trainer.claim();
    await trainer.finish(id === over ? 'stopped' : 'interrupted');
    await plane.settle(id);
  }

  const { reaped } = await reapMachines(plane.ports);

  expect(await plane.run(next)).toMatchObject({ state: 'initializing', attempt: { number: 2 } });
  expect(reaped.map(({ label, reason }) => [label, reason])).toEqual([
    ['label-of-left over', 'the run is stopped'],
    ['label-of-of the first attempt', 'its attempt is over'],
  ]);
});

test('a machine that is past its deadline is ended, whatever the record says', async () => {
  await aLiveRun('old');
  plane.now += 15 * DAY; // max_runtime is 14 days, and an hour and the start are given

  const { reaped } = await reapMachines(plane.ports);

  expect(reaped).toMatchObject([{ reason: 'it is past its deadline' }]);
});

test('of two machines of one attempt the one that claimed it stays, and the record names that one', async () => {
  const id = await aLiveRun('first');
  rental.rent('second', attemptName(id, 1), plane.now);
  const claim = { schema: 1, runId: id, attempt: 1, claimId: 'claim_aaaaaaaaaaaaaaaa', host: 'h', pid: 1, machine: 'label-of-second' };
  const key = `runs/${id}/framework=hf/attempts/${attemptName(id, 1)}/claim.json`;
  await plane.artifacts.putIfAbsent(key, JSON.stringify({ ...claim, claimedAt: new Date(plane.now).toISOString() }));

  const { reaped } = await reapMachines(plane.ports);

  expect(rental.ended).toEqual(['first']);
  expect(reaped).toMatchObject([{ label: 'label-of-first', reason: 'label-of-second has the attempt' }]);
  expect((await plane.run(id)).attempt?.handle).toEqual({ machine: 'second', label: 'label-of-second' });
});

test('one machine that cannot be ended keeps no other alive', async () => {
  for (const id of ['stuck', 'other']) rental.rent(id, `run_01kb8q6m2jf3ztv1n8a5d4c9${id === 'stuck' ? 'xe' : 'xf'}-0001`, plane.now);
  rental.isStuck.add('stuck');

  const { reaped, faults } = await reapMachines(plane.ports);

  expect(reaped.map(({ label }) => label)).toEqual(['label-of-other']);
  expect(faults).toMatchObject([{ provider: 'runpod', error: { message: 'stuck cannot be ended' } }]);
});

test('a provider that does not answer keeps no other from being swept', async () => {
  rental.isAway = true;
  const other = new ScriptedRental();
  other.rent('orphan', 'run_01kb8q6m2jf3ztv1n8a5d4c9xe-0001', plane.now);
  const computes = [plane.compute, Object.assign(Object.create(plane.compute), { rental: other })];
  const ports = { ...plane.ports, compute: { of: () => plane.compute, all: () => computes } };

  const { faults } = await reapMachines(ports);

  expect(other.ended).toEqual(['orphan']);
  expect(faults).toMatchObject([{ provider: 'runpod', error: { message: 'no answer' } }]);
});

test('a bill that changed after the end stands in the record of its attempt, once', async () => {
  const id = await aLiveRun();
  const trainer = plane.trainer(id);
  await trainer.claim();
  await trainer.finish('completed');
  await plane.settle(id);
  rental.changed = [attemptName(id, 1)];
  rental.current = { machines: 1, seconds: 3_600, gpuSeconds: 7_200, usd: 5.38, isFinal: true };

  await reapMachines(plane.ports);
  await reapMachines(plane.ports);

  expect((await plane.run(id)).pastAttempts).toMatchObject([{ usd: 5.38, spentGpuSeconds: 7_200 }]);
  expect((await plane.runs.events(id, 0, 100)).filter(({ type }) => type === 'attempt-billed')).toMatchObject([
    { message: 'attempt 1 cost 5.38 USD: 3600 s on 1 machine', data: { isFinal: true } },
  ]);
});
