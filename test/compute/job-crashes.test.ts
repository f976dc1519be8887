/**
 * As in crashes.test.ts, for AWS Batch, where an attempt is a job: the plane is killed at every one of its side effects while a job is
 * submitted, cancelled, loses its machine, or was submitted by a request that got no answer. One job trains, each belongs to an attempt of
 * the record, and none outlives the run by more than two sweeps.
 */
import { expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { stopRun } from '#operations/stop-run.ts';
import { JobWorld } from '../support/job-world.ts';
import { KillSwitch } from '../support/kill-switch.ts';

interface Scenario {
  readonly name: string;
  readonly play: (world: JobWorld, id: string) => Promise<void>;
  readonly ends: 'completed' | 'stopped';
  /** why each attempt ended that did not end the run */
  readonly lost: readonly string[];
  readonly bootMillis?: number;
  /** not thrown away by the plane, but by the driver that calls it again */
  readonly hasFaults?: boolean;
}

const SWEEPS_MILLIS = 120_000;

const SCENARIOS: readonly Scenario[] = [
  { name: 'created', ends: 'completed', lost: [], play: async () => {} },
  {
    name: 'cancelled',
    ends: 'stopped',
    lost: [],
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 1));
      await stopOnce(world, id);
    },
  },
  {
    name: 'cancelled while it waits for a machine',
    ends: 'stopped',
    lost: [],
    bootMillis: 1_000_000,
    play: async (world, id) => {
      await world.until(() => world.batch.live().length > 0);
      await stopOnce(world, id);
    },
  },
  {
    name: 'preempted',
    ends: 'completed',
    lost: ['interrupted'],
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 2));
      world.batch.preempt();
    },
  },
  {
    name: 'submitted without an answer, and slow',
    ends: 'completed',
    lost: [],
    bootMillis: 240_000,
    hasFaults: true,
    play: async (world) => {
      let lost = 0;
      world.batch.nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    },
  },
];

async function stopOnce(world: JobWorld, id: string): Promise<void> {
  await world.act(async (ports) => {
    if ((await world.run(id)).want === 'run') await stopRun(ports, id);
  });
}

/** @returns how many side effects there were */
async function playWithDeath({ play, ends, lost, bootMillis = 20_000, hasFaults = false }: Scenario, killAt: number): Promise<number> {
  const world = new JobWorld({ script: { steps: 3, saveEvery: 1 }, bootMillis, tickMillis: 10_000 });
  const id = await world.submit('aws-batch');
  const tick = world.tick.bind(world);
  world.tick = async () => {
    await tick();
    expect(world.batch.live().length, `killed at ${killAt}: jobs at once`).toBeLessThanOrEqual(1);
    const number = world.runs.peek(id)?.run.attempt?.number ?? 0;
    const known = Array.from({ length: number }, (_, index) => attemptName(id, index + 1));
    expect(known, `killed at ${killAt}: jobs without a record`).toEqual(
      expect.arrayContaining([...world.batch.machines.values()].map(({ label }) => label)),
    );
  };
  world.restart(new KillSwitch(killAt));
  const first = world.killSwitch;

  await play(world, id);
  await world.until(() => world.isFinal(id), 7_200, `the end of the run, killed at ${killAt}`);
  const end = world.now;
  await world.until(() => world.now >= end + SWEEPS_MILLIS);

  const run = await world.run(id);
  const codes = run.pastAttempts.slice(0, -1).map(({ code }) => code);
  expect([run.state, ...codes], `killed at ${killAt}`).toEqual([ends, ...lost]);
  expect(world.batch.live(), `killed at ${killAt}: what is left two sweeps after the end`).toEqual([]);
  expect(new Set(world.host.trace).size, `killed at ${killAt}: no step twice in an attempt`).toBe(world.host.trace.length);
  if (!hasFaults) expect(world.errors, `killed at ${killAt}`).toEqual([]);
  return first.count;
}

test.each(SCENARIOS)('a job that is $name survives a kill of the plane at every side effect', async (scenario) => {
  const effects = await playWithDeath(scenario, Number.POSITIVE_INFINITY);

  for (let killAt = 1; killAt <= effects; killAt++) await playWithDeath(scenario, killAt);

  expect(effects).toBeGreaterThan(30);
});
