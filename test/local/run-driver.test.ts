import { expect, test } from 'vitest';
import { RunDriver } from '#local/run-driver.ts';
import type { Advance } from '#operations/advance/pace.ts';

const DONE: Advance = { phase: 'done', waitSeconds: 0 };

/** A driver whose advances are noted, and a promise that resolves after so many of them. */
function aDriver(options: { advance?: (runId: string) => Promise<Advance>; isBusy?: () => boolean; expected: number }) {
  const advanced: string[] = [];
  const errors: unknown[] = [];
  let resolve = (): void => {};
  const all = new Promise<void>((done) => (resolve = done));
  const driver = new RunDriver({
    advance: async (runId) => {
      advanced.push(runId);
      if (advanced.length === options.expected) resolve();
      return options.advance?.(runId) ?? DONE;
    },
    onError: (_, error) => errors.push(error),
    isBusy: options.isBusy ?? (() => false),
  });
  return { driver, advanced, errors, all };
}

test('live runs go before those just accepted', async () => {
  const { driver, advanced, all } = aDriver({ expected: 3 });

  await driver.start('new-1');
  await driver.start('new-2');
  await driver.nudge('live');
  await all;

  expect(advanced).toEqual(['live', 'new-1', 'new-2']);
});

test('while callers keep the plane busy new runs trickle, and none is left out', async () => {
  let looks = 0;
  const { driver, advanced, all } = aDriver({ expected: 7, isBusy: () => ++looks < 4 });

  for (let run = 1; run <= 7; run++) await driver.start(`new-${run}`);
  await all;

  expect(advanced).toHaveLength(7);
  expect(looks).toBe(4);
});

test('a nudge during an advance leads to one more, and never two at once for a run', async () => {
  let running = 0;
  let most = 0;
  const { driver, all, advanced } = aDriver({
    expected: 2,
    advance: async () => {
      most = Math.max(most, ++running);
      if (advanced.length === 1) await driver.nudge('run');
      running -= 1;
      return DONE;
    },
  });

  await driver.nudge('run');
  await all;

  expect(most).toBe(1);
});

test('an error is told and tried again; it ends nothing', async () => {
  const { driver, errors, all, advanced } = aDriver({
    expected: 2,
    advance: async () => {
      if (advanced.length === 1) throw new Error('the disk is full');
      return DONE;
    },
  });

  await driver.nudge('run');
  await all;

  expect(errors).toMatchObject([{ message: 'the disk is full' }]);
});

test('a stop waits for the calls under way and takes up nothing more', async () => {
  let finish = (): void => {};
  const held = new Promise<void>((resolve) => (finish = resolve));
  const { driver, advanced, all } = aDriver({
    expected: 1,
    advance: async () => {
      await held;
      return { phase: 'poll', waitSeconds: 0 };
    },
  });
  await driver.nudge('run');
  await all;

  const stopped = driver.stop();
  await driver.nudge('other');
  finish();
  await stopped;

  expect(advanced).toEqual(['run']);
});
