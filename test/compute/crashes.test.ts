/**
 * The plane is killed at every one of its side effects, before it and after it, while a run is created, cancelled, preempted, or rented
 * by a request that got no answer. Whatever dies: one machine trains, a spare lives two sweeps at most, none outlives the run by more
 * than two sweeps, and none costs without a record.
 */
import { describe, expect, test } from 'vitest';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Ports } from '#ports/ports.ts';
import { KillSwitch } from '../support/kill-switch.ts';
import { RentedWorld } from '../support/rented-world.ts';

interface Scenario {
  readonly name: string;
  /** does what the scenario is about, with a plane that may die at any moment */
  readonly play: (world: RentedWorld, provider: RentingProvider, id: string) => Promise<void>;
  readonly ends: 'completed' | 'stopped';
  /** default: machines that boot in a moment */
  readonly bootMillis?: number;
  /** that it takes where nobody dies; default: as many as there are */
  readonly machines?: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'created', ends: 'completed', play: async () => {} },
  {
    name: 'cancelled',
    ends: 'stopped',
    play: async (world, _, id) => {
      await world.until(() => world.isAt(id, 1));
      await world.act((ports) => stopOnce(ports, id));
    },
  },
  {
    name: 'preempted',
    ends: 'completed',
    play: async (world, provider, id) => {
      await world.until(() => world.isAt(id, 2));
      world.fake(provider).preempt();
    },
  },
  {
    name: 'rented without an answer, and slow',
    ends: 'completed',
    bootMillis: 240_000,
    play: async (world, provider) => loseFirstAnswer(world, provider),
  },
  {
    name: 'rented without an answer, and shown late',
    ends: 'completed',
    bootMillis: 240_000, // it claims long after it is listed
    machines: 2,
    play: async (world, provider) => {
      loseFirstAnswer(world, provider);
      world.fake(provider).listLagMillis = LATE_MILLIS;
    },
  },
  {
    name: 'cancelled before it knows its machine',
    ends: 'stopped',
    play: async (world, provider, id) => {
      loseFirstAnswer(world, provider);
      world.fake(provider).listLagMillis = LATE_MILLIS;
      await world.until(async () => world.fake(provider).machines.size > 0 || (await world.isFinal(id)));
      await world.act((ports) => stopOnce(ports, id));
    },
  },
];

/** Beyond the time for which the plane looks before it asks again. */
const LATE_MILLIS = 150_000;

function loseFirstAnswer(world: RentedWorld, provider: RentingProvider): void {
  let lost = 0;
  world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
}

async function stopOnce(ports: Ports, id: string): Promise<void> {
  const view = await ports.runs.get(id);
  if (view?.run.want === 'run') await stopRun(ports, id);
}

/** @returns how many side effects there were; the run is over, and every promise was kept on the way */
async function playWithDeath(
  { play, ends, bootMillis = 10_000, machines }: Scenario,
  provider: RentingProvider,
  killAt: number,
): Promise<number> {
  const world = new RentedWorld({ script: { steps: 3, saveEvery: 1 }, bootMillis, tickMillis: 10_000 });
  const id = await world.submit(provider);
  const watch = new Watch(world, provider, id);
  const tick = world.tick.bind(world);
  world.tick = async () => {
    await tick();
    await watch.look();
  };
  world.restart(new KillSwitch(killAt));
  const first = world.killSwitch;

  await play(world, provider, id);
  await world.until(() => world.isFinal(id), 7_200, `the end of the run, killed at ${killAt}`);
  await world.until(() => world.machinesOf(provider, id).every((machine) => world.fake(provider).isListed(machine)));
  const sweepsAtEnd = world.sweeps.length;
  await world.until(() => world.sweeps.length >= sweepsAtEnd + 2);

  const view = await world.runs.get(id);
  expect(view?.run.state, `killed at ${killAt}`).toBe(ends);
  expect(world.fake(provider).there(), `killed at ${killAt}: what is left two sweeps after the end`).toEqual([]);
  expect(world.errors, `killed at ${killAt}`).toEqual([]);
  if (machines !== undefined && !first.isDead) expect(world.machinesOf(provider, id)).toHaveLength(machines);
  return first.count;
}

/** Looks at the machines after every tick. */
class Watch {
  readonly #world: RentedWorld;
  readonly #provider: RentingProvider;
  readonly #id: string;
  #spareSince: number | null = null;

  constructor(world: RentedWorld, provider: RentingProvider, id: string) {
    this.#world = world;
    this.#provider = provider;
    this.#id = id;
  }

  async look(): Promise<void> {
    const fake = this.#world.fake(this.#provider);
    const machines = this.#world.machinesOf(this.#provider, this.#id);
    if (machines.length === 0) return;
    const records = new Set((await this.#world.recordsOf(this.#id)).map(({ label }) => label));
    expect(
      machines.filter(({ label }) => !records.has(label)),
      'machines that cost without a record',
    ).toEqual([]);
    const live = machines.filter((machine) => machine.terminatedAt === null && machine.lostAt === null && fake.isListed(machine));
    if (fake.listLagMillis === 0) expect(live.length, 'machines of a run at once, where lists are true').toBeLessThanOrEqual(1);
    if (live.length < 2) this.#spareSince = null;
    else this.#spareSince ??= this.#world.sweeps.length;
    expect(this.#world.sweeps.length - (this.#spareSince ?? this.#world.sweeps.length), 'sweeps that a spare lives').toBeLessThanOrEqual(2);
  }
}

describe.each(RENTING_PROVIDERS)('on %s', (provider) => {
  test.each(SCENARIOS)(
    'a run that is $name survives a kill at every side effect',
    async (scenario) => {
      const effects = await playWithDeath(scenario, provider, Number.POSITIVE_INFINITY);

      for (let killAt = 1; killAt <= effects; killAt++) await playWithDeath(scenario, provider, killAt);

      expect(effects).toBeGreaterThan(50);
    },
    300_000,
  );
});
