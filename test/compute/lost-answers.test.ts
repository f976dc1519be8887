/** A request for a machine gets no answer: what it started is found by its label, taken up or ended, and paid for with a record. */
import { describe, expect, test } from 'vitest';
import { RENTING_PROVIDERS } from '#domain/providers.ts';
import { attemptName } from '#domain/run-folder.ts';
import { stopRun } from '#operations/stop-run.ts';
import { RentedWorld } from '../support/rented-world.ts';

describe.each(RENTING_PROVIDERS)('on %s', (provider) => {
  test('a request for a machine that gets no answer is looked for by its label, and what it started is taken up', async () => {
    const world = new RentedWorld();
    let lost = 0;
    world.fake(provider).nextFault = (operation) => (operation === 'create' && lost++ === 0 ? 'lost-after' : null);
    const id = await world.submit(provider);

    await world.until(() => world.isFinal(id));

    expect(await world.run(id)).toMatchObject({ state: 'completed', pastAttempts: [{ number: 1 }] });
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
    const { pastAttempts } = await world.run(id);
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

    expect(await world.run(id)).toMatchObject({ state: 'completed' });
    const records = await world.recordsOf(id);
    expect(records.map(({ state }) => state)).toEqual(['asked', expect.stringMatching(/ended|settled/)]);
    expect(new Set(records.map(({ label }) => label)).size).toBe(2);
  });

  test('an attempt that is launched again, by whoever, gets the machine that it has', async () => {
    const world = new RentedWorld();
    const id = await world.submit(provider);
    await world.until(() => world.fake(provider).live().length > 0);
    const run = await world.run(id);
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
});
