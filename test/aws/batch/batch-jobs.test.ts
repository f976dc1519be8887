import { expect, test } from 'vitest';
import type { JobState } from '#aws/batch/job-reasons.ts';
import { openBatch } from '../../support/batch-world.ts';

const state = (status: string, statusReason: string | null = null): JobState => ({
  status,
  statusReason,
  exitCode: null,
  containerReason: null,
});

test('events that come doubled and in any order never take a job back', async () => {
  const { jobs } = await openBatch();
  const note = (status: string, reason: string | null = null): Promise<boolean> =>
    jobs.note('job', { tag: 'run_a-0001', state: state(status, reason) });

  const news = [
    await note('RUNNABLE'),
    await note('RUNNABLE'),
    await note('RUNNABLE', 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY'),
    await note('RUNNING'),
    await note('STARTING'),
    await note('FAILED', 'Host EC2 (instance i-1) terminated.'),
    await note('RUNNING'),
    await note('SUBMITTED'),
  ];

  expect(news).toEqual([true, false, true, true, false, true, false, false]);
  expect(await jobs.find('job')).toMatchObject({ status: 'FAILED', statusReason: 'Host EC2 (instance i-1) terminated.' });
});

test('a job that Batch does not know is given ten minutes to appear, then it is gone', async () => {
  const { jobs, clock } = await openBatch();
  await jobs.note('job', { tag: 'run_a-0001', state: state('SUBMITTED') });

  expect(await jobs.refresh()).toEqual([]);
  clock.advance(10 * 60_000 + 1);

  expect(await jobs.refresh()).toEqual(['run_a-0001']);
  expect(await jobs.find('job')).toMatchObject({ status: 'GONE' });
});

test('what nobody asked for since its end is forgotten after a day', async () => {
  const { jobs, clock } = await openBatch();
  await jobs.note('job', { tag: 'run_a-0001', state: state('FAILED') });

  await jobs.refresh();
  expect(await jobs.seen()).toHaveLength(1);
  clock.advance(24 * 3_600_000 + 1);
  await jobs.refresh();

  expect(await jobs.seen()).toEqual([]);
});
