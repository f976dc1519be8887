import { expect, test } from 'vitest';
import type { JobState } from '#aws/batch/job-reasons.ts';
import { NOTIFYING_SUFFIXES } from '#aws/notifying-keys.ts';
import { batchEventReader, executionEventReader, readStorageNotification } from '#aws/nudge-readers.ts';
import { stopRun } from '#operations/stop-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const put = (...keys: string[]) => ({
  Records: keys.map((key) => ({ eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'b' }, object: { key } } })),
});

test('a put of a report or manifest names its run, wherever its folder is', async () => {
  expect(
    await readStorageNotification(
      put(
        'plane/runs/run_01a/framework%3Dhf/attempts/run_01a-0001/progress.json',
        'team+data/runs/aml/framework%3Dhf/attempts/run_01b-0012/manifest.json',
      ),
    ),
  ).toEqual(['run_01a', 'run_01b']);
});

test('other puts name nobody, and other messages are not its own', async () => {
  expect(await readStorageNotification(put('runs/run_01a/attempts/run_01a-0001/control.json', 'progress.json'))).toEqual([]);
  expect(await readStorageNotification({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'b' })).toEqual([]);
  for (const message of [null, {}, { Records: [{}] }, { source: 'aws.batch' }]) expect(await readStorageNotification(message)).toBeNull();
});

test('what buckets notify of is what is read', async () => {
  for (const suffix of NOTIFYING_SUFFIXES)
    expect(await readStorageNotification(put(`runs/run_01a/attempts/run_01a-0001${suffix}`))).toEqual(['run_01a']);
});

const jobEvent = (detail: object) => ({ source: 'aws.batch', 'detail-type': 'Batch Job State Change', detail });

test('a change of a job is noted, and rings its run where it is news', async () => {
  const noted: [string, string, JobState][] = [];
  const read = batchEventReader({
    note: async (jobId, { tag, state }) => {
      noted.push([jobId, tag, state]);
      return noted.length === 1;
    },
  });
  const event = jobEvent({
    jobId: 'job-1',
    jobName: 'run_01a-0001',
    status: 'FAILED',
    statusReason: 'Host EC2 (instance i-1) terminated.',
    container: { exitCode: 137, reason: 'gone', image: 'x' },
  });

  expect([await read(event), await read(event)]).toEqual([['run_01a'], []]);
  expect(noted[0]).toEqual([
    'job-1',
    'run_01a-0001',
    { status: 'FAILED', statusReason: 'Host EC2 (instance i-1) terminated.', exitCode: 137, containerReason: 'gone' },
  ]);
});

test("somebody else's jobs are left alone", async () => {
  const read = batchEventReader({
    note: async () => {
      throw new Error('noted');
    },
  });

  expect(await read(jobEvent({ jobId: 'j', jobName: 'nightly-report', status: 'RUNNING' }))).toEqual([]);
  expect(await read({ source: 'aws.states' })).toBeNull();
});

test('an execution that ended otherwise than by itself is followed by the next generation, unless the run is over', async () => {
  const plane = new MemoryPlane();
  const [live, over] = [await plane.create(), await plane.create()];
  await stopRun(plane.ports, over);
  const ensured: string[] = [];
  const read = executionEventReader({ runs: plane.runs, generations: { ensure: async (runId) => void ensured.push(runId) } });
  const ended = (name: string, status: string) =>
    read({ source: 'aws.states', 'detail-type': 'Step Functions Execution Status Change', detail: { name, status, executionArn: 'arn' } });

  for (const status of ['ABORTED', 'TIMED_OUT', 'FAILED']) expect(await ended(`${live}-g3`, status)).toEqual([]);
  for (const [name, status] of [
    [`${live}-g3`, 'SUCCEEDED'],
    [`${live}-g4`, 'RUNNING'],
    [`${over}-g1`, 'ABORTED'],
    ['run_gone-g1', 'ABORTED'],
    ['nightly', 'FAILED'],
  ] as const)
    expect(await ended(name, status)).toEqual([]);

  expect(ensured).toEqual([live, live, live]);
  expect(await read({ source: 'aws.batch' })).toBeNull();
});
