/**
 * The provider `aws-batch`. An attempt is one job, named by its tag: whoever is to launch an attempt again finds the job by its name, and
 * does not submit another. A second one that slipped through finds the claim taken and ends by itself; `terminate` ends all of that name.
 *
 * The plane alone tries again: `attempts: 1`. A job is asked to stop through control.json; when its manifest is there it has moments to end
 * by itself, so that the console shows it as succeeded, and is terminated after that (SIGTERM, and SIGKILL 30 s later). Nobody waits for
 * that here: whoever is told that it is still ending comes again.
 */
import { type BatchClient, type JobSummary, ListJobsCommand, SubmitJobCommand, TerminateJobCommand } from '@aws-sdk/client-batch';
import type { ComputeHandle, Run } from '#domain/run.ts';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import {
  type Compute,
  type Launch,
  type LaunchOrder,
  type Machine,
  type Observation,
  type Reason,
  type Reservation,
  StillEnding,
} from '#ports/compute.ts';
import type { Clock } from '#ports/workflow.ts';
import { type BatchJobs, toJobState } from './batch-jobs.ts';
import { type ChosenClass, type ComputeClass, chooseClass, TRAINER_IMAGE } from './compute-classes.ts';
import { endingOf, isOver, type JobState, quotaReason, reasonToWait, waitsForMachine } from './job-reasons.ts';

const GRACE_MILLIS = 10_000;
/** The plane stops a run at its max_runtime; should the plane be away, Batch does, when a final checkpoint has had its time. */
const OVERTIME_SECONDS = 2 * 3_600;
/** Of a job: keys to 128, values to 256 characters, 50 in all. docs.aws.amazon.com/batch/latest/userguide/using-tags.html */
const MAX_LABELS = 40;

export interface BatchComputeOptions {
  readonly client: BatchClient;
  readonly jobs: Pick<BatchJobs, 'find' | 'note' | 'noteEnding' | 'forget' | 'seen' | 'describe'>;
  readonly classes: readonly ComputeClass[];
  /** how many vCPUs the account may run, by the code of a quota */
  readonly quota: (code: string) => Promise<number>;
  /** why a run has to wait for the trainer's image; absent: it was there before the plane */
  readonly imageToCome?: () => Promise<Reason | null>;
  readonly clock: Clock;
}

export class BatchCompute implements Compute {
  readonly heartbeat = 'reports';
  readonly #options: BatchComputeOptions;

  constructor(options: BatchComputeOptions) {
    this.#options = options;
  }

  async machines(): Promise<readonly Machine[]> {
    const seen = (await this.#options.jobs.seen()).filter(({ status }) => !isOver(status));
    return this.#options.classes.map(({ name, atOnce, gpus }) => {
      const own = seen.filter(({ className }) => className === name);
      const busy = own.filter(({ status }) => !waitsForMachine(status)).map(({ tag }) => tag);
      return {
        name,
        provider: 'aws-batch',
        slots: atOnce,
        busy: busy.sort(),
        waiting: own
          .filter(({ status }) => waitsForMachine(status))
          .map(({ tag }) => tag)
          .sort(),
        gpus: Array.from({ length: gpus }, (_, index) => ({ index, heldBy: null })),
        engines: ['hf', 'meta'],
      };
    });
  }

  /** Batch has a line of its own: only what would wait there for ever is told at once. */
  async reserve(_tag: string, run: Run): Promise<Reservation> {
    const chosen = this.#choose(run);
    if ('problem' in chosen) return { kind: 'impossible', failure: { code: 'no_compute', message: chosen.problem } };
    const { nodes } = run.compute;
    if (nodes > 1) return { kind: 'impossible', failure: { code: 'no_compute', message: oneMachine(nodes) } };
    const toCome = this.#imageOf(run) === null ? await this.#options.imageToCome?.() : null;
    if (toCome) return { kind: 'no-capacity', waiting: toCome };
    const { name, quotaCode, vcpus } = chosen.computeClass;
    if (quotaCode === null) return { kind: 'reserved' };
    const allowed = await this.#options.quota(quotaCode);
    const needed = vcpus * nodes;
    if (allowed >= needed) return { kind: 'reserved' };
    return { kind: 'no-capacity', waiting: quotaReason(name, `quota ${quotaCode} is ${allowed} vCPUs, and ${needed} are needed`) };
  }

  async launch(order: LaunchOrder): Promise<Launch> {
    const chosen = this.#choose(order.run);
    if ('problem' in chosen) return { kind: 'impossible', failure: { code: 'no_compute', message: chosen.problem } };
    const { name, queue } = chosen.computeClass;
    const carrying = (await this.#listByTag(order.tag, queue)).find(({ status }) => !isOver(status ?? ''));
    const jobId = carrying?.jobId ?? (await this.#submit(order, chosen));
    const state = { status: carrying?.status ?? 'SUBMITTED', statusReason: null, exitCode: null, containerReason: null };
    await this.#options.jobs.note(jobId, { tag: order.tag, className: name, state });
    return { kind: 'launched', handle: { jobId, queue, class: name } };
  }

  /**
   * A submission has no token: sent again because its reply was lost, or by two callers at once, it is two jobs of one name, and the
   * claim decides which of them trains. So where the one that is known is over, the others are asked for.
   */
  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    const { jobs } = this.#options;
    const known = typeof handle?.['jobId'] === 'string' ? await jobs.find(handle['jobId']) : null;
    if (known !== null && !isOver(known.status)) return seenAlive(known, known.className);
    const named = (await this.#listAllByTag(tag)).flatMap(({ jobId }) => jobId ?? []);
    const others = await jobs.describe(named.filter((jobId) => jobId !== known?.jobId));
    const live = others.find((job) => !isOver(toJobState(job).status));
    const found = handle === null && named.length > 0 ? { handle: { jobId: String(live?.jobId ?? named[0]) } } : {};
    if (live) return { ...seenAlive(toJobState(live), this.#classOf(live.jobQueue)), ...found };
    const endings = [...(known === null ? [] : [known]), ...others.map(toJobState)].map(endingOf);
    // One that found the claim taken ended well: what happened to the one that trained says more.
    const ending = endings.find((one) => one !== null);
    return { liveness: 'gone', ...found, ...(ending && { ending }) };
  }

  async terminate(tag: string, handle: ComputeHandle | null): Promise<void> {
    const { client, jobs, clock } = this.#options;
    const known = typeof handle?.['jobId'] === 'string' ? [handle['jobId']] : [];
    const named = (await this.#listAllByTag(tag)).flatMap(({ jobId }) => jobId ?? []);
    const jobIds = [...new Set([...known, ...named])];
    const live = (await jobs.describe(jobIds)).flatMap((job) => (job.jobId && !isOver(toJobState(job).status) ? [job.jobId] : []));
    for (const jobId of live) {
      const askedAt = await jobs.noteEnding(jobId, tag);
      if (clock.now() - askedAt < GRACE_MILLIS) continue;
      await client.send(new TerminateJobCommand({ jobId, reason: `ended by the plane: attempt ${tag} is over` }));
    }
    if (live.length > 0) throw new StillEnding(`job ${live.join(', ')}`);
    for (const jobId of jobIds) await jobs.forget(jobId);
  }

  async release(): Promise<void> {}

  #classOf(jobQueue: string | undefined): string {
    const queue = jobQueue?.slice(jobQueue.lastIndexOf('/') + 1);
    return this.#options.classes.find((one) => one.queue === jobQueue || one.queue === queue)?.name ?? 'unknown';
  }

  #choose(run: Run): ChosenClass | { readonly problem: string } {
    return chooseClass(this.#options.classes, run.compute, this.#imageOf(run));
  }

  /** Null for the trainer's own, by whatever name it was asked for. */
  #imageOf({ metadata: { image } }: Run): string | null {
    const isAllowed = this.#options.classes.some(({ jobDefinitions }) => typeof image === 'string' && image in jobDefinitions);
    return isAllowed && image !== TRAINER_IMAGE ? String(image) : null;
  }

  async #submit(order: LaunchOrder, { computeClass, jobDefinition }: ChosenClass): Promise<string> {
    const { tag, run } = order;
    const environment = Object.entries(await order.invite()).map(([name, value]) => ({ name, value }));
    const { nodes } = run.compute;
    const { jobId } = await this.#options.client.send(
      new SubmitJobCommand({
        jobName: tag,
        jobQueue: computeClass.queue,
        jobDefinition,
        retryStrategy: { attempts: 1 },
        timeout: { attemptDurationSeconds: run.maxRuntimeSeconds + OVERTIME_SECONDS },
        tags: { ...labelsOf(run), 'tuneplane:run': runIdOfAttempt(tag), 'tuneplane:attempt': tag, 'tuneplane:project': run.projectId },
        propagateTags: true,
        ...(nodes === 1
          ? { containerOverrides: { environment } }
          : { nodeOverrides: { numNodes: nodes, nodePropertyOverrides: [{ targetNodes: '0:', containerOverrides: { environment } }] } }),
      }),
    );
    if (jobId === undefined) throw new Error(`AWS Batch took ${tag} and gave no id`);
    return jobId;
  }

  async #listAllByTag(tag: string): Promise<JobSummary[]> {
    const queues = new Set(this.#options.classes.map(({ queue }) => queue));
    return (await Promise.all([...queues].map((queue) => this.#listByTag(tag, queue)))).flat();
  }

  async #listByTag(tag: string, jobQueue: string): Promise<JobSummary[]> {
    const { jobSummaryList } = await this.#options.client.send(
      new ListJobsCommand({ jobQueue, filters: [{ name: 'JOB_NAME', values: [tag] }] }),
    );
    return jobSummaryList ?? [];
  }
}

const seenAlive = (job: JobState, className: string): Observation => ({
  liveness: 'alive',
  ...(waitsForMachine(job.status) && { waiting: reasonToWait(job, className) }),
});

/** The user's labels; ours come over them. */
function labelsOf({ metadata }: Run): Record<string, string> {
  const { labels } = metadata;
  if (typeof labels !== 'object' || labels === null) return {};
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([name]) => !/^aws:/i.test(name))
      .slice(0, MAX_LABELS)
      .map(([name, value]) => [name.slice(0, 128), String(value).slice(0, 256)]),
  );
}

/** A job of several nodes can be launched; but of its trainers the first has the attempt, and the others would be paid for standing by. */
const oneMachine = (nodes: number): string =>
  `${nodes} nodes were asked for; the trainer of this release trains on one machine, with all of its GPUs: ask for 1 node`;
