/** Jobs of AWS Batch behind a deployed plane: seen from outside, and met with what happens to machines. */
import { BatchClient, DescribeJobQueuesCommand, DescribeJobsCommand, type JobSummary, ListJobsCommand } from '@aws-sdk/client-batch';
import * as z from 'zod';
import { attemptName } from '#domain/run-folder.ts';
import type { DeployedPlane } from './deployed-plane.ts';

const claimSchema = z.looseObject({
  storage: z.looseObject({ access_key_id: z.string(), secret_access_key: z.string(), session_token: z.string() }),
});

export class BatchJobs {
  readonly #plane: DeployedPlane;
  readonly #client: BatchClient;

  constructor(plane: DeployedPlane) {
    this.#plane = plane;
    this.#client = new BatchClient(plane.clientOptions);
  }

  of(runId: string, attempt = 1): Promise<JobSummary[]> {
    return this.#named(attemptName(runId, attempt));
  }

  /** Names of all that may still run. */
  async live(): Promise<(string | undefined)[]> {
    const jobs = await this.#named('run_*');
    return jobs.filter(({ status }) => status !== 'SUCCEEDED' && status !== 'FAILED').map(({ jobName }) => jobName);
  }

  /** No machine is free: jobs wait, until they may go. */
  async hold(statusReason: string | null): Promise<void> {
    await this.#play('holdqueue', { jobQueue: await this.#queue(), statusReason });
  }

  /** The machine goes away under the job. */
  async endHost(runId: string, attempt = 1): Promise<void> {
    await this.#play('endhost', { jobId: (await this.of(runId, attempt))[0]?.jobId });
  }

  /** Claims an attempt as its trainer does, with what the job has in its environment. @returns what the plane answered */
  async claim(runId: string, attempt = 1): Promise<z.infer<typeof claimSchema>> {
    const [job] = await this.of(runId, attempt);
    const { jobs = [] } = await this.#client.send(new DescribeJobsCommand({ jobs: [job?.jobId ?? ''] }));
    const variables = Object.fromEntries((jobs[0]?.container?.environment ?? []).map(({ name, value }) => [name, value]));
    const answer = await fetch(String(variables['TUNEPLANE_CLAIM_URL']), {
      method: 'POST',
      headers: { authorization: `Bearer ${variables['TUNEPLANE_BOOTSTRAP_TOKEN']}`, 'content-type': 'application/json' },
      body: JSON.stringify({ claim_id: `claim_${'0'.repeat(26)}`, host: 'played', pid: 1 }),
    });
    return claimSchema.parse(await answer.json());
  }

  /** The one queue of the one class. */
  async #queue(): Promise<string> {
    const { jobQueues = [] } = await this.#client.send(new DescribeJobQueuesCommand({}));
    return jobQueues[0]?.jobQueueName ?? '';
  }

  async #named(name: string): Promise<JobSummary[]> {
    const filters = [{ name: 'JOB_NAME', values: [name] }];
    return (await this.#client.send(new ListJobsCommand({ jobQueue: await this.#queue(), filters }))).jobSummaryList ?? [];
  }

  /** Calls of the emulator for what EC2 does, which AWS has not. */
  async #play(call: 'holdqueue' | 'endhost', body: Readonly<Record<string, unknown>>): Promise<void> {
    const credential = 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/batch/aws4_request, SignedHeaders=host, Signature=0';
    const answer = await fetch(`${this.#plane.emulator.endpoint}/v1/emulator${call}`, {
      method: 'POST',
      headers: { authorization: credential, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${call}: ${answer.status} ${await answer.text()}`);
  }
}
