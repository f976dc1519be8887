import { expect, test } from 'vitest';
import { InProcessBell } from '#local/in-process-bell.ts';
import { anEvent, aRun } from '../support/builders.ts';

const event = anEvent(aRun({ id: 'run_a' }));
const LONG = 3_600_000;

test('wakes who waits for that run', async () => {
  const bell = new InProcessBell();
  const waiting = bell.listen('run_a').next(LONG);

  bell.ring([event]);

  expect(await waiting).toBe(true);
});

test('what rang before the wait is not lost, and is heard once', async () => {
  const bell = new InProcessBell();
  const listener = bell.listen('run_a');

  bell.ring([event]);

  expect([await listener.next(LONG), await listener.next(0)]).toEqual([true, false]);
});

test('another run rings for nobody here', async () => {
  const bell = new InProcessBell();
  const listener = bell.listen('run_b');

  bell.ring([event]);

  expect(await listener.next(0)).toBe(false);
});

test('closing ends every wait, and each that would begin', async () => {
  const bell = new InProcessBell();
  const waiting = bell.listen('run_a').next(LONG);

  bell.close();

  expect([await waiting, await bell.listen('run_a').next(LONG)]).toEqual([false, false]);
});
