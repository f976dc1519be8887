/** A plane whose runs are jobs of AWS Batch: the real compute and the real client over a fake server, and jobs as they were last seen in memory. */
import { BatchClient, DescribeJobsCommand } from '@aws-sdk/client-batch';
import { BatchCompute, type BatchComputeOptions } from '#aws/batch/batch-compute.ts';
import type { SeenJob } from '#aws/batch/batch-jobs.ts';
import { isOver, rankOf } from '#aws/batch/job-reasons.ts';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import type { Compute } from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Ports } from '#ports/ports.ts';
import { FakeBatch } from '../fake-providers/fake-batch.ts';
import { guarded, type KillSwitch } from './kill-switch.ts';
import { PlaneWorld, type PlaneWorldOptions } from './plane-world.ts';

type Jobs = BatchComputeOptions['jobs'];
const SWEEP_MILLIS = 60_000;
const TO_MAKE = new Set(['/v1/submitjob', '/v1/terminatejob']);
const JOB_CLASS = {
  name: 'a10g',
  queue: 'queue',
  jobDefinitions: { trainer: 'trainer:1' },
  gpuType: 'A10G',
  gpus: 1,
  gpuMemoryGb: 24,
  spot: false,
  usdPerHour: 1,
  vcpus: 4,
  nodes: 1,
  atOnce: 8,
  quotaCode: null,
};

export class JobWorld extends PlaneWorld {
  readonly batch: FakeBatch;
  readonly #seen = new Map<string, SeenJob & { endingSince?: number }>();
  #sweptAt = this.now;

  constructor({ bootMillis, ...options }: PlaneWorldOptions & { readonly bootMillis: number }) {
    super(options);
    this.batch = new FakeBatch({ now: () => this.now, host: this.host, bootMillis, isDone: (machine) => this.host.isDone(machine) });
  }

  protected settings(): Partial<Ports['settings']> {
    return { provider: 'aws-batch', claimSeconds: 60 };
  }

  protected async machinesAct(): Promise<void> {
    await this.host.turn();
    this.batch.advance();
  }

  /** What the sweep does once a minute, and an event of Batch at once: every job that may live is looked at. */
  protected override async sweepIfDue(): Promise<void> {
    if (this.now - this.#sweptAt < SWEEP_MILLIS) return;
    this.#sweptAt = this.now;
    await this.alive(async () => {
      const jobs = this.#jobs(this.#client(this.killSwitch));
      for (const { jobId, tag, status } of [...this.#seen.values()]) {
        if (isOver(status)) continue;
        const [job] = await jobs.describe([jobId]);
        const state = { status: job?.status ?? 'GONE', statusReason: job?.statusReason ?? null, exitCode: null, containerReason: null };
        if (await this.killSwitch.guard(() => jobs.note(jobId, { tag, state }))) await this.ports.workflow.nudge(runIdOfAttempt(tag));
      }
    });
  }

  protected computes(_: DocumentStore, killSwitch: KillSwitch): Readonly<Record<string, Compute>> {
    const client = this.#client(killSwitch);
    return {
      'aws-batch': new BatchCompute({
        client,
        jobs: guarded<Jobs>(this.#jobs(client), ['note', 'noteEnding', 'forget'], killSwitch),
        classes: [JOB_CLASS],
        quota: async () => Number.POSITIVE_INFINITY,
        clock: { now: () => this.now },
      }),
    };
  }

  /** Asks once: what the SDK sends again by itself would wait by the clock on the wall. */
  #client(killSwitch: KillSwitch): BatchClient {
    const ask = async (path: string, body: string): Promise<Response> =>
      this.batch.handle(new Request(`https://batch.fake${path}`, { method: 'POST', body }));
    return new BatchClient({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
      requestHandler: {
        handle: async ({ path, body }: { path: string; body: string }) => {
          const response = await (TO_MAKE.has(path) ? killSwitch.guard(() => ask(path, body)) : ask(path, body));
          const bytes = new Uint8Array(await response.arrayBuffer());
          return { response: { statusCode: response.status, headers: { 'content-type': 'application/json' }, body: bytes } };
        },
      },
    });
  }

  /** As BatchJobs is, with a map for its table. */
  #jobs(client: BatchClient): Jobs {
    const seen = this.#seen;
    const now = () => this.now;
    const describe: Jobs['describe'] = async (jobIds) => {
      return jobIds.length === 0 ? [] : ((await client.send(new DescribeJobsCommand({ jobs: [...jobIds] }))).jobs ?? []);
    };
    const note: Jobs['note'] = async (jobId, { tag, state, className }) => {
      const before = seen.get(jobId);
      if (before && rankOf(before.status) >= rankOf(state.status)) return false;
      seen.set(jobId, { ...before, jobId, tag, className: className ?? before?.className ?? 'unknown', changedAt: now(), ...state });
      return true;
    };
    return {
      describe,
      note,
      find: async (jobId) => {
        const known = seen.get(jobId);
        if (known) return known;
        const [job] = await describe([jobId]);
        if (!job) return null;
        const state = { status: job.status ?? 'SUBMITTED', statusReason: job.statusReason ?? null, exitCode: null, containerReason: null };
        await note(jobId, { tag: job.jobName ?? '', state });
        return seen.get(jobId) ?? null;
      },
      noteEnding: async (jobId, tag) => {
        const before = seen.get(jobId) ?? {
          jobId,
          tag,
          className: 'unknown',
          status: 'RUNNING',
          statusReason: null,
          exitCode: null,
          containerReason: null,
          changedAt: now(),
        };
        const endingSince = before.endingSince ?? now();
        seen.set(jobId, { ...before, endingSince });
        return endingSince;
      },
      forget: async (jobId) => void seen.delete(jobId),
      seen: async () => [...seen.values()],
    };
  }
}
