import { expect, test } from 'vitest';
import { endingOf, reasonToWait } from '#aws/batch/job-reasons.ts';

test.each([
  [null, 'capacity', /^waits for a machine of class a10g$/],
  [
    'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [g5.xlarge]',
    'capacity',
    /no machine/,
  ],
  [
    'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue cannot meet the CPU requirement',
    'capacity',
    /maximum/,
  ],
  ['MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - Batch service role has a permission issue', 'provider', /SERVICE_ROLE_PERMISSIONS/],
  ['ACTION_REQUIRED - CE(s) associated with the job queue are invalid', 'provider', /ACTION_REQUIRED/],
  [
    'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - You have requested more vCPU capacity than your current vCPU limit of 0 allows',
    'quota',
    /vCPU limit of 0/,
  ],
  ['UNDETERMINED - Batch job is blocked, root cause is undetermined', 'capacity', /UNDETERMINED/],
])('a job that waits for %j', (statusReason, code, sentence) => {
  const reason = reasonToWait({ statusReason }, 'a10g');

  expect(reason).toMatchObject({ code, sentence: expect.stringMatching(sentence) });
  expect(reason.remedy).not.toBe('');
});

test.each([
  ['Host EC2 (instance i-0abc) terminated.', null, 'interrupted'],
  ['Essential container in task exited', 'OutOfMemoryError: Container killed due to memory usage', 'host_out_of_memory'],
  ['Task failed to start', 'CannotPullContainerError: pull image manifest has been retried 5 time(s)', 'image_unavailable'],
  ['Task failed to start', 'ResourceInitializationError: unable to pull secrets', 'supervisor_lost'],
  ['Job attempt duration exceeded timeout', null, 'supervisor_lost'],
  ['Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', null, 'waited_too_long'],
  ['Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', null, 'no_compute'],
  [null, null, 'supervisor_lost'],
])('a job that ends with %j, %j is %s', (statusReason, containerReason, code) => {
  expect(endingOf({ status: 'FAILED', statusReason, exitCode: 1, containerReason })).toMatchObject({ code });
});

test('a job that succeeded, or that nobody knows any more, tells nothing by its end', () => {
  for (const status of ['SUCCEEDED', 'GONE'])
    expect(endingOf({ status, statusReason: 'x', exitCode: 0, containerReason: null })).toBeNull();
});
