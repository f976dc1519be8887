/** Random sequences over all five APIs at once: after each step every API says of every run what a small pure model says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commands, expectSameEverywhere, type Model } from './commands.ts';
import { ModelledPlane } from './modelled-plane.ts';

const SEQUENCES = 2_000;
/** The same ones every time: a failure is told with the seed and path that lead there, after it was made as short as it can be. */
const SEED = Number(process.env['TUNEPLANE_SEED'] ?? 20_261_125);

const ROW = '{"instruction": "Say hello.", "output": "Hello!"}';

async function open(): Promise<{ model: Model; real: ModelledPlane }> {
  const real = await ModelledPlane.open();
  expect((await real.call('PUT', '/sessions/s-1', JSON.stringify(ROW))).status).toBe(201);
  return { model: { projects: ['proj_default'], runs: [], deleted: [], names: new Set() }, real };
}

test(`${SEQUENCES} sequences of operations`, { timeout: 600_000 }, async () => {
  let steps = 0;
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (sequence) => {
      const { model, real } = await open();
      await fc.asyncModelRun(() => ({ model, real }), sequence);
      for (const run of model.runs) {
        await expectSameEverywhere(run, real);
        const { items } = (await real.call('GET', `/runs/${run.id}/events?limit=1000`)).body;
        expect(items.map(({ sequence: number }: { sequence: number }) => number)).toEqual(
          items.map((_: unknown, index: number) => index + 1),
        );
        ends.add(run.standing);
      }
      steps += [...sequence].length;
    }),
    { numRuns: SEQUENCES, seed: SEED },
  );
  // Were the sequences dull, they would prove nothing.
  expect(steps).toBeGreaterThan(SEQUENCES * 10);
  expect([...ends].sort()).toEqual([
    'completed',
    'created',
    'failed',
    'initializing',
    'initializing-again',
    'paused',
    'queued',
    'running',
    'stopped',
    'stopping',
  ]);
});
