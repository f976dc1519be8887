/**
 * AWS Batch as far as one attempt is a job: submit, list by name, describe, terminate. A job ends with its trainer; one that is taken away says
 * what EC2 did. A submission has no token: sent twice it is two jobs. Wire: docs.aws.amazon.com/batch/latest/APIReference.
 */
import { type FakeMachine, FakeProvider, type FakeProviderOptions, json } from './fake-provider.ts';
import { asList, asRecord } from './fake-runpod.ts';

export interface FakeBatchOptions extends FakeProviderOptions {
  /** the trainer of a job has ended */
  readonly isDone: (machine: FakeMachine) => boolean;
}

export class FakeBatch extends FakeProvider {
  readonly provider = 'aws-batch';
  readonly #isDone: (machine: FakeMachine) => boolean;
  readonly #succeeded = new Set<string>();

  constructor(options: FakeBatchOptions) {
    super(options);
    this.#isDone = options.isDone;
  }

  override advance(): void {
    super.advance();
    for (const machine of this.live()) {
      if (!this.isBooted(machine) || !this.#isDone(machine)) continue;
      this.#succeeded.add(machine.id);
      this.end(machine);
    }
  }

  protected operationOf(_method: string, path: string): string {
    return path === '/v1/submitjob' ? 'create' : path === '/v1/terminatejob' ? 'terminate' : 'list';
  }

  protected async answer(_method: string, path: string, _query: URLSearchParams, body: unknown): Promise<Response> {
    const asked = asRecord(body);
    switch (path) {
      case '/v1/submitjob':
        return this.#submit(asked);
      case '/v1/listjobs': {
        const names = asList(asRecord(asList(asked['filters'])[0])['values']);
        const jobs = [...this.machines.values()].filter((machine) => names.includes(machine.label) && this.isListed(machine));
        return json(200, { jobSummaryList: jobs.map((machine) => this.#job(machine)) });
      }
      case '/v1/describejobs': {
        const ids = asList(asked['jobs']);
        return json(200, { jobs: [...this.machines.values()].filter(({ id }) => ids.includes(id)).map((machine) => this.#job(machine)) });
      }
      case '/v1/terminatejob': {
        const machine = this.machines.get(String(asked['jobId']));
        if (machine && machine.lostAt === null) this.end(machine);
        return json(200, {});
      }
      default:
        return json(404, { message: `no such operation ${path}` });
    }
  }

  #submit({ jobName, containerOverrides }: Record<string, unknown>): Response {
    const environment = asList(asRecord(containerOverrides)['environment']).map(asRecord);
    const env = Object.fromEntries(environment.map(({ name, value }) => [String(name), String(value)]));
    const machine = this.add({ label: String(jobName), usdPerHour: 1, gpus: 1, wanted: { env } }, (number) => `job-${number}`);
    return json(200, { jobId: machine.id, jobName });
  }

  #job(machine: FakeMachine): Record<string, unknown> {
    const { id, label, lostAt, terminatedAt, createdAt } = machine;
    const status =
      lostAt !== null
        ? 'FAILED'
        : terminatedAt !== null
          ? this.#succeeded.has(id)
            ? 'SUCCEEDED'
            : 'FAILED'
          : this.isBooted(machine)
            ? 'RUNNING'
            : 'RUNNABLE';
    const statusReason = lostAt === null ? null : 'Host EC2 (instance i-0123456789abcdef0) terminated.';
    return { jobId: id, jobName: label, jobQueue: 'arn:aws:batch:eu-west-1:123456789012:job-queue/queue', status, statusReason, createdAt };
  }

  protected override isAuthorized(): boolean {
    return true; // signatures are the SDK's own business
  }

  protected unauthorized(): Response {
    return json(403, { message: 'not authorized' });
  }

  protected tooMany(): Response {
    return json(429, { message: 'Too Many Requests' });
  }

  protected serverError(): Response {
    return json(500, { message: 'internal error' });
  }
}
