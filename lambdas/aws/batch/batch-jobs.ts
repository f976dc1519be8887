/**
 * Jobs of AWS Batch as they were last seen. Thousands of runs ask for theirs again and again, and Batch answers an account 50 times a second:
 * so what is asked for is an item of the table. It is written when a job is submitted, when Batch sends an event of it (at least once, in
 * any order), and by the sweep, which asks for a hundred jobs in one call. A state never goes back: each job is tried once.
 *
 * Sources: docs.aws.amazon.com/batch/latest/userguide/{service_limits,batch_cwe_events}.html; API_DescribeJobs.html (100 ids).
 */
import { randomUUID } from 'node:crypto';
import { type BatchClient, DescribeJobsCommand, type JobDetail } from '@aws-sdk/client-batch';
import * as z from 'zod';
import type { Clock } from '#ports/workflow.ts';
import type { DynamoTable, Item } from '../table/dynamo-table.ts';
import { JOB_SHARDS, jobKey, jobsPartition } from '../table/table-keys.ts';
import { isOver, type JobState, rankOf } from './job-reasons.ts';

const DESCRIBED_AT_ONCE = 100;
/** A job that was just submitted may not be found yet. */
const UNSEEN_MILLIS = 10 * 60_000;
/** What nobody has asked for any more since its end. */
const KEPT_AFTER_END_MILLIS = 24 * 3_600_000;

export interface SeenJob extends JobState {
  readonly jobId: string;
  /** the job's name: the attempt that it is */
  readonly tag: string;
  readonly className: string;
  /** milliseconds since 1970 */
  readonly changedAt: number;
}

const itemSchema = z.object({
  tag: z.string(),
  className: z.string().default('unknown'),
  status: z.string(),
  statusReason: z.string().nullable(),
  exitCode: z.int().nullable(),
  containerReason: z.string().nullable(),
  changedAt: z.int(),
});

export const toJobState = ({ status, statusReason, container }: JobDetail): JobState => ({
  status: status ?? 'SUBMITTED',
  statusReason: statusReason ?? null,
  exitCode: container?.exitCode ?? null,
  containerReason: container?.reason ?? null,
});

export class BatchJobs {
  readonly #client: BatchClient;
  readonly #table: DynamoTable;
  readonly #clock: Clock;

  constructor({ client, table, clock }: { readonly client: BatchClient; readonly table: DynamoTable; readonly clock: Clock }) {
    this.#client = client;
    this.#table = table;
    this.#clock = clock;
  }

  /** As it was last seen; one that was never seen is asked for. Null where Batch knows none. */
  async find(jobId: string): Promise<SeenJob | null> {
    const item = await this.#table.get(jobKey(jobId));
    if (item !== null) return toSeenJob(item);
    const [job] = await this.describe([jobId]);
    if (!job) return null;
    await this.note(jobId, { tag: job.jobName ?? '', state: toJobState(job) });
    return { jobId, tag: job.jobName ?? '', className: 'unknown', changedAt: this.#clock.now(), ...toJobState(job) };
  }

  /** @returns whether it is news */
  async note(
    jobId: string,
    { tag, state, className }: { readonly tag: string; readonly state: JobState; readonly className?: string },
  ): Promise<boolean> {
    const caller = randomUUID();
    const { item, ...rest } = await this.#table.update(jobKey(jobId), {
      UpdateExpression:
        'SET tag = :tag, #status = :status, statusReason = :reason, exitCode = :exit, containerReason = :why, #rank = :rank, ' +
        `changedAt = :now, caller = :caller${className === undefined ? '' : ', className = :class'}`,
      ConditionExpression: 'attribute_not_exists(pk) OR #rank < :rank OR (#rank = :rank AND statusReason <> :reason)',
      ExpressionAttributeNames: { '#status': 'status', '#rank': 'rank' },
      ExpressionAttributeValues: {
        ':tag': tag,
        ':status': state.status,
        ':reason': state.statusReason,
        ':exit': state.exitCode,
        ':why': state.containerReason,
        ':rank': rankOf(state.status),
        ':now': this.#clock.now(),
        ':caller': caller,
        ...(className !== undefined && { ':class': className }),
      },
    });
    if (item !== null) return true;
    // Where the reply was lost, the update that the SDK sends again meets itself.
    return 'found' in rest && rest.found?.['caller'] === caller;
  }

  /** @returns when its end was asked for first, in milliseconds since 1970 */
  async noteEnding(jobId: string, tag: string): Promise<number> {
    const { item } = await this.#table.update(jobKey(jobId), {
      UpdateExpression:
        'SET endingSince = if_not_exists(endingSince, :now), tag = if_not_exists(tag, :tag), #status = if_not_exists(#status, :status), ' +
        '#rank = if_not_exists(#rank, :rank), statusReason = if_not_exists(statusReason, :none), exitCode = if_not_exists(exitCode, :none), ' +
        'containerReason = if_not_exists(containerReason, :none), changedAt = if_not_exists(changedAt, :now)',
      ExpressionAttributeNames: { '#status': 'status', '#rank': 'rank' },
      ExpressionAttributeValues: {
        ':now': this.#clock.now(),
        ':tag': tag,
        ':status': 'RUNNING',
        ':rank': rankOf('RUNNING'),
        ':none': null,
      },
    });
    return Number(item?.['endingSince']);
  }

  async forget(jobId: string): Promise<void> {
    await this.#table.remove(jobKey(jobId));
  }

  /** All that may live, in any order. */
  async seen(): Promise<SeenJob[]> {
    const shards = await Promise.all(
      Array.from({ length: JOB_SHARDS }, (_, shard) =>
        this.#table.query({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': jobsPartition(shard) } }),
      ),
    );
    return shards.flat().map(toSeenJob);
  }

  /** Asks Batch for every job that may live, a hundred in a call. @returns tags of those that have changed */
  async refresh(): Promise<string[]> {
    const now = this.#clock.now();
    const jobs = await this.seen();
    for (const { jobId, status, changedAt } of jobs) {
      if (isOver(status) && changedAt < now - KEPT_AFTER_END_MILLIS) await this.forget(jobId);
    }
    const live = jobs.filter(({ status }) => !isOver(status));
    const found = new Map((await this.describe(live.map(({ jobId }) => jobId))).map((job) => [job.jobId, job]));
    const changed: string[] = [];
    for (const { jobId, tag, status, statusReason, changedAt } of live) {
      const job = found.get(jobId);
      if (!job && changedAt > now - UNSEEN_MILLIS) continue;
      const state = job ? toJobState(job) : { status: 'GONE', statusReason: null, exitCode: null, containerReason: null };
      if (state.status === status && state.statusReason === statusReason) continue;
      if (await this.note(jobId, { tag, state })) changed.push(tag);
    }
    return changed;
  }

  async describe(jobIds: readonly string[]): Promise<JobDetail[]> {
    const found: JobDetail[] = [];
    for (let start = 0; start < jobIds.length; start += DESCRIBED_AT_ONCE) {
      const { jobs } = await this.#client.send(new DescribeJobsCommand({ jobs: jobIds.slice(start, start + DESCRIBED_AT_ONCE) }));
      found.push(...(jobs ?? []));
    }
    return found;
  }
}

const toSeenJob = (item: Item): SeenJob => ({ jobId: String(item['sk']), ...itemSchema.parse(item) });
