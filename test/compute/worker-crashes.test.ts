/**
 * As in crashes.test.ts, for machines of the user's own: the plane is killed at every one of its side effects while a worker takes a run,
 * is told to end it, loses its power or its network, or never hears what it was told. One box trains at a time, each step of an attempt is
 * trained once, and nothing is held after the end.
 */
import { expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Ports } from '#ports/ports.ts';
import { KillSwitch } from '../support/kill-switch.ts';
import { type Box, WorkerWorld } from '../support/worker-world.ts';

interface Scenario {
  readonly name: string;
  readonly play: (world: WorkerWorld, id: string) => Promise<void>;
  readonly ends: 'completed' | 'stopped';
  readonly attempts: number;
  /** half a minute each; default: 4 */
  readonly steps?: number;
  /** trainers that may be at work at once; default: 1 */
  readonly atOnce?: number;
}

const holderOf = ({ boxes }: WorkerWorld): Box | undefined => boxes.find(({ holding }) => holding.size > 0);

const SCENARIOS: readonly Scenario[] = [
  { name: 'created', ends: 'completed', attempts: 1, play: async () => {} },
  {
    name: 'cancelled',
    ends: 'stopped',
    attempts: 1,
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 1));
      await world.act((ports) => stopOnce(ports, id));
    },
  },
  {
    name: 'on a box whose power is cut',
    ends: 'completed',
    attempts: 2,
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 2));
      const box = holderOf(world);
      if (box) world.cutPower(box);
    },
  },
  {
    name: 'on a box whose program dies',
    ends: 'completed',
    attempts: 1, // its trainer reports all the while
    steps: 10,
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 2));
      const box = holderOf(world);
      if (!box) return;
      box.isLooking = false;
      await world.until(() => world.isAt(id, 9));
      box.isLooking = true;
    },
  },
  {
    name: 'on a box that wakes up too late',
    ends: 'completed',
    attempts: 2,
    atOnce: 2, // the first has not read yet that it is superseded
    play: async (world, id) => {
      await world.until(() => world.isAt(id, 2));
      const box = holderOf(world);
      const [first] = box?.holding.values() ?? [];
      if (!box || !first) return;
      box.isLooking = false;
      world.host.asleep.add(first);
      const stepsOf = (attempt: number) => world.host.trace.filter((line) => line.startsWith(`${id} ${attempt} `)).length;
      await world.until(() => stepsOf(2) >= 1);
      const before = stepsOf(1);
      world.host.asleep.clear();
      await world.tick();
      expect([world.training(), stepsOf(1)], 'the first has read that it is superseded, and nothing else').toEqual([
        [attemptName(id, 2)],
        before,
      ]);
      box.isLooking = true;
    },
  },
  {
    name: 'told to a box that does not hear',
    ends: 'completed',
    attempts: 1,
    play: async (world) => {
      for (const box of world.boxes) box.deafLooks = 1;
    },
  },
];

async function stopOnce(ports: Ports, id: string): Promise<void> {
  const view = await ports.runs.get(id);
  if (view?.run.want === 'run') await stopRun(ports, id);
}

/** @returns how many side effects there were */
async function playWithDeath({ play, ends, attempts, steps = 4, atOnce = 1 }: Scenario, killAt: number): Promise<number> {
  const world = new WorkerWorld({ script: { steps, saveEvery: 2 } });
  const tick = world.tick.bind(world);
  world.tick = async () => {
    await tick();
    expect(world.training().length, `killed at ${killAt}: trainers at once`).toBeLessThanOrEqual(atOnce);
  };
  const id = await world.submit('local');
  world.restart(new KillSwitch(killAt));
  const first = world.killSwitch;

  await play(world, id);
  await world.until(() => world.isFinal(id), 7_200, `the end of the run, killed at ${killAt}`);
  await world.until(() => world.boxes.every(({ holding }) => holding.size === 0), 60, 'that nobody holds it');

  const run = world.runs.peek(id)?.run;
  expect([run?.state, run?.pastAttempts.length], `killed at ${killAt}`).toEqual([ends, attempts]);
  expect(await world.ports.compute.of('local').machines(), `killed at ${killAt}: no lease is left`).toMatchObject([
    { busy: [] },
    { busy: [] },
  ]);
  expect(new Set(world.host.trace).size, `killed at ${killAt}: no step twice in an attempt`).toBe(world.host.trace.length);
  expect(world.errors, `killed at ${killAt}`).toEqual([]);
  return first.count;
}

test.each(SCENARIOS)('a run that is $name survives a kill of the plane at every side effect', async (scenario) => {
  const effects = await playWithDeath(scenario, Number.POSITIVE_INFINITY);

  for (let killAt = 1; killAt <= effects; killAt++) await playWithDeath(scenario, killAt);

  expect(effects).toBeGreaterThan(40);
});
