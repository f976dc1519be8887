/**
 * Messages of AWS in the queue of nudges, each with the page that describes it:
 *
 *   S3 notifications                  docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 *   Batch Job State Change            docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html
 *   Batch Job Queue Blocked           docs.aws.amazon.com/batch/latest/userguide/batch-job-queue-blocked-events.html
 *   Step Functions Execution Status   docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
import * as z from 'zod';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { NudgeReader } from '#workers/nudges.ts';
import type { BatchJobs } from './batch/batch-jobs.ts';
import { runOfExecution } from './execution-names.ts';
import type { RunGenerations } from './run-generations.ts';

const ATTEMPT_FILE = /(?:^|\/)attempts\/(run_[0-9a-z]+)-\d{4}\/(?:progress|manifest)\.json$/;
const ATTEMPT_TAG = /^run_[0-9a-z]+-\d{4}$/;

const storageSchema = z.object({ Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })) });
const storageTestSchema = z.object({ Event: z.literal('s3:TestEvent') });

export const readStorageNotification: NudgeReader = async (message) => {
  if (storageTestSchema.safeParse(message).success) return [];
  const parsed = storageSchema.safeParse(message);
  if (!parsed.success) return null;
  const keys = parsed.data.Records.map(({ s3 }) => decodeURIComponent(s3.object.key.replaceAll('+', ' ')));
  return keys.flatMap((key) => ATTEMPT_FILE.exec(key)?.[1] ?? []);
};

const batchEventSchema = z.object({
  source: z.literal('aws.batch'),
  'detail-type': z.enum(['Batch Job State Change', 'Batch Job Queue Blocked']),
  detail: z.object({
    jobId: z.string(),
    jobName: z.string(),
    status: z.string(),
    statusReason: z.string().nullish(),
    container: z.object({ exitCode: z.int().optional(), reason: z.string().optional() }).nullish(),
  }),
});

/** Notes what the job has become, and rings its run where that is news. */
export function batchEventReader(jobs: Pick<BatchJobs, 'note'>): NudgeReader {
  return async (message) => {
    const parsed = batchEventSchema.safeParse(message);
    if (!parsed.success) return null;
    const { jobId, jobName, status, statusReason, container } = parsed.data.detail;
    if (!ATTEMPT_TAG.test(jobName)) return []; // somebody else's job
    const state = {
      status,
      statusReason: statusReason ?? null,
      exitCode: container?.exitCode ?? null,
      containerReason: container?.reason ?? null,
    };
    return (await jobs.note(jobId, { tag: jobName, state })) ? [runIdOfAttempt(jobName)] : [];
  };
}

const executionEventSchema = z.object({
  source: z.literal('aws.states'),
  'detail-type': z.literal('Step Functions Execution Status Change'),
  detail: z.object({ name: z.string(), status: z.string() }),
});

/** An execution that ended otherwise than by itself is not a cancel: the next generation goes on at once. */
export function executionEventReader({
  runs,
  generations,
}: {
  readonly runs: Pick<RunStore, 'get'>;
  readonly generations: Pick<RunGenerations, 'ensure'>;
}): NudgeReader {
  return async (message) => {
    const parsed = executionEventSchema.safeParse(message);
    if (!parsed.success) return null;
    const { name, status } = parsed.data.detail;
    const runId = runOfExecution(name);
    if (runId === null || status === 'RUNNING' || status === 'SUCCEEDED') return [];
    const view = await runs.get(runId);
    if (view && !isFinal(view.run.state)) await generations.ensure(runId);
    return [];
  };
}
