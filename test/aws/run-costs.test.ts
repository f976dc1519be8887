/** What `npm run bench:aws` reports of the workflow, held in every test run: a change of pace or state machine that costs more shows here. */
import { expect, test } from 'vitest';
import { PRICES } from '../../bench/aws/prices.ts';
import { simulateRun } from '../../bench/aws/run-figures.ts';

const DAY = 86_400;

test('the workflow of a run of a day costs at most 1.2 cents, and its trainer reports some 1,500 times', async () => {
  const { transitions, reports, controlsWritten, executions } = await simulateRun(DAY);

  expect(transitions * PRICES.transition).toBeLessThanOrEqual(0.012);
  expect(executions).toBe(1);
  // 24 at 5 s, 116 at 30 s and 1,380 at a minute, and one more for a checkpoint that falls between two.
  expect(reports).toBeGreaterThan(1_500);
  expect(reports).toBeLessThan(1_700);
  expect(controlsWritten).toBeLessThan(20);
});

test('a run of two weeks hands over before an execution has 4,500 events of history', async () => {
  const { historyEvents, executions } = await simulateRun(14 * DAY);

  expect(historyEvents).toBeLessThanOrEqual(4_500);
  expect(executions).toBeGreaterThan(1);
});

test('a short run is looked at often, since that is when somebody waits', async () => {
  const { transitions, reports } = await simulateRun(600);

  expect(transitions).toBeLessThan(60);
  expect(reports).toBeGreaterThan(30);
});
