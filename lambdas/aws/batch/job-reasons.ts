/**
 * What AWS Batch says of a job, in words for the run's user.
 *
 * Reasons of a RUNNABLE job: docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html and its pages on capacity and
 * misconfiguration. Reasons of an end: docs.aws.amazon.com/batch/latest/userguide/job_retries.html ("Host EC2 (instance ...) terminated."),
 * docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.
 */
import type { FailureCode } from '#domain/failures.ts';
import type { Reason } from '#ports/compute.ts';

/** As DescribeJobs and the state-change event have them. */
export interface JobState {
  readonly status: string;
  readonly statusReason: string | null;
  /** of the container: null while there is none */
  readonly exitCode: number | null;
  /** what ECS says of the container's end */
  readonly containerReason: string | null;
}

/** In the order of a life; `GONE`: Batch knows no such job any more. */
const RANKS = ['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'GONE'];
export const rankOf = (status: string): number => RANKS.indexOf(status);
export const isOver = (status: string): boolean => rankOf(status) >= rankOf('SUCCEEDED');
export const waitsForMachine = (status: string): boolean => rankOf(status) <= rankOf('RUNNABLE');

const QUOTA = /vcpu limit|VcpuLimitExceeded|MaxSpotInstanceCountExceeded|InstanceLimitExceeded|quota/i;

/** Why a job has no machine yet. The first that fits counts: a quota of 0 looks like missing capacity, and waiting does not help it. */
export function reasonToWait({ statusReason }: Pick<JobState, 'statusReason'>, className: string): Reason {
  const said = statusReason ?? '';
  if (QUOTA.test(said)) return quotaReason(className, said);
  if (said.startsWith('CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY')) {
    return {
      code: 'capacity',
      sentence: `AWS has no machine of class ${className} free at the moment`,
      remedy: 'it starts by itself when there is one; another gpu_type, or fewer GPUs, may come sooner',
    };
  }
  if (said.startsWith('MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE')) {
    return {
      code: 'capacity',
      sentence: `the queue of class ${className} may not grow by another machine: its maximum of vCPUs is reached or too small`,
      remedy: 'it starts by itself when another run ends; the operator raises maxvCpus of the compute environment',
    };
  }
  if (said.startsWith('MISCONFIGURATION:') || said.startsWith('ACTION_REQUIRED')) {
    return {
      code: 'provider',
      sentence: `AWS Batch cannot start machines of class ${className}: ${said}`,
      remedy: 'the operator mends what the message names; the run goes on by itself',
    };
  }
  return {
    code: 'capacity',
    sentence: `waits for a machine of class ${className}${said === '' ? '' : `: ${said}`}`,
    remedy: 'it starts by itself, mostly within minutes',
  };
}

export const quotaReason = (className: string, detail: string): Reason => ({
  code: 'quota',
  sentence: `the account may not start a machine of class ${className}: ${detail}`,
  remedy:
    'ask for a higher limit in Service Quotas (EC2, "Running On-Demand ... instances"); new accounts have 0 for GPUs. The run goes on by itself',
});

/** How a job went away that left no manifest; null where its own end says nothing more than that. */
export function endingOf({ status, statusReason, exitCode, containerReason }: JobState): { code: FailureCode; message: string } | null {
  if (status === 'SUCCEEDED' || status === 'GONE') return null;
  const said = [statusReason, containerReason].filter((part) => part !== null && part !== '').join('; ');
  if (/Host EC2 \(instance [^)]*\) terminated/.test(said)) return { code: 'interrupted', message: `the machine was taken away: ${said}` };
  const [, limit] = /JobStateTimeLimit action due to reason: (\S+)/.exec(said) ?? [];
  if (limit !== undefined) {
    return limit.startsWith('MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT')
      ? { code: 'no_compute', message: `no machine of its class fits the job: ${said}` }
      : { code: 'waited_too_long', message: `AWS Batch gave the wait for a machine up: ${said}` };
  }
  if (/OutOfMemoryError/.test(said)) return { code: 'host_out_of_memory', message: `the machine ran out of memory: ${said}` };
  if (/CannotPull|ImageNotFound|pull image/i.test(said))
    return { code: 'image_unavailable', message: `the image could not be pulled: ${said}` };
  return {
    code: 'supervisor_lost',
    message: `the job ended without an outcome: ${said || 'no reason given'}${exitCode === null ? '' : ` (exit code ${exitCode})`}`,
  };
}
