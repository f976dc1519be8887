/**
 * A thousand runs over all providers, where every tenth request fails in some way and machines are taken away now and then. All end, no
 * machine is left, and the ledger has every second that the providers charge for.
 */
import { expect, test } from 'vitest';
import { RENTING_PROVIDERS } from '#domain/providers.ts';
import { stopRun } from '#operations/stop-run.ts';
import { FAULTS, type Fault } from '../fake-providers/fake-provider.ts';
import { RentedWorld } from '../support/rented-world.ts';

const RUNS = 1_000;
const AT_ONCE = 60;
const FAULT_RATE = 0.1;
/** Machines that are taken away in a minute. */
const LOSS_RATE = 0.5;
const CANCEL_RATE = 0.05;
/** Ends that are accepted and not carried out, and refusals that leave a machine behind, in a tick. */
const DEAF_RATE = 0.05;
const LEFTOVER_RATE = 0.02;
const SEEDS = [20_261_125];

/** Mulberry32: the same choices for the same seed, but for the ids of runs, which are drawn. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test.each(SEEDS)(
  `${RUNS} runs with ${100 * FAULT_RATE}% faults all end, and the ledger is the providers' own to the second (seed %i)`,
  async (seed) => {
    const random = randomFrom(seed);
    const world = new RentedWorld({ script: { steps: 4, saveEvery: 1 }, bootMillis: 60_000, tickMillis: 15_000 });
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    let faults = 0;
    const fault = (operation: string): Fault | null => {
      if (random() >= FAULT_RATE) return null;
      faults += 1;
      return pick(FAULTS.filter((kind) => kind !== 'refused' || operation === 'create'));
    };
    for (const provider of RENTING_PROVIDERS) world.fake(provider).nextFault = fault;

    const open = new Set<string>();
    const ended = new Map<string, string>();
    let submitted = 0;
    let lost = 0;
    while (ended.size < RUNS) {
      while (submitted < RUNS && open.size < AT_ONCE) open.add(await world.submit(RENTING_PROVIDERS[submitted++ % 3] ?? 'runpod'));
      await world.tick();
      if (random() < LOSS_RATE / 4) lost += world.fake(pick(RENTING_PROVIDERS)).preempt(() => random() < 0.15);
      if (random() < DEAF_RATE) world.fake(pick(RENTING_PROVIDERS)).deafEnds = 1;
      if (random() < LEFTOVER_RATE) world.fakes.vastai.leavesBehind = 1;
      if (random() < CANCEL_RATE) await stopRun(world.ports, pick([...open])).catch(() => null); // over already
      for (const id of open) {
        if (!(await world.isFinal(id))) continue;
        ended.set(id, (await world.runs.get(id))?.run.state ?? '');
        open.delete(id);
        await world.artifacts.removeFolder(`runs/${id}/`);
      }
      expect(world.now, 'the world goes on').toBeLessThan(Date.UTC(2026, 0, 20));
    }
    for (const provider of RENTING_PROVIDERS) world.fake(provider).nextFault = () => null;
    await world.until(
      async () => (await Promise.all(RENTING_PROVIDERS.map((provider) => world.ledger(provider).open()))).flat().length === 0,
      200_000,
    );

    const words = Map.groupBy(ended.values(), (state) => state);
    expect([...words.keys()].sort()).toEqual(expect.arrayContaining(['completed', 'stopped']));
    expect(words.get('completed')?.length ?? 0).toBeGreaterThan(RUNS * 0.85);
    for (const provider of RENTING_PROVIDERS) {
      expect(world.fake(provider).there(), provider).toEqual([]);
      const billed = world.fake(provider).bill();
      const records = (await Promise.all([...ended.keys()].map((id) => world.recordsOf(id)))).flat();
      const written = new Map(records.map(({ label, seconds }) => [label, seconds]));
      const differ = billed.filter(({ label, seconds }) => written.get(label) !== seconds);
      expect(
        differ.map(({ label, seconds }) => ({ label, seconds, written: written.get(label) })),
        provider,
      ).toEqual([]);
      expect(billed.length, provider).toBeGreaterThan(300);
    }
    expect(faults).toBeGreaterThan(1_000);
    expect(lost).toBeGreaterThan(20);
  },
  600_000,
);
