/** A real plane whose runs go to the three providers: fake servers on loopback, machines that are processes, a store with access rules on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { RentingProvider } from '#domain/providers.ts';
import { FakeLambda } from '../fake-providers/fake-lambda.ts';
import type { FakeMachine, FakeProvider } from '../fake-providers/fake-provider.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { FakeVastAi } from '../fake-providers/fake-vastai.ts';
import { ProcessHost } from '../fake-providers/process-host.ts';
import { type ProviderServer, serveProvider } from '../fake-providers/provider-server.ts';
import { clientOptions, REGION } from './aws-clients.ts';
import { openBucket } from './s3-world.ts';
import { type Script, ScriptedPlane, type TestReply } from './scripted-plane.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const ENGINE = [
  join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python'),
  join(REPOSITORY, 'test', 'scripted-engine', 'engine.py'),
] as const;
const BOOT_MILLIS = 300;
/** Long enough to be asked again. */
const ENDING_MILLIS = 6_000;
const LOOK_MILLIS = 100;
const LIMIT_MILLIS = 300_000;
const JOBS = '/api/training/jobs';

const jobSchema = z.looseObject({
  job_id: z.string(),
  state: z.string(),
  provider_job_id: z.string().nullable(),
  current_metrics: z.looseObject({ step: z.int(), loss: z.number().nullable() }).nullable(),
  completed_at: z.string().nullable(),
  waiting: z.unknown(),
  failure: z.unknown(),
});
export type JobStatus = z.infer<typeof jobSchema>;

export interface JobOptions {
  readonly script?: Script;
  /** the engine hf in place of the scripted one */
  readonly isReal?: boolean;
  /** the container of its first machine sees no GPU */
  readonly isFirstBlind?: boolean;
  readonly body?: Readonly<Record<string, unknown>>;
}

export class RentedPlane {
  readonly fakes: Readonly<Record<RentingProvider, FakeProvider>>;
  readonly host: ProcessHost;
  readonly plane: ScriptedPlane;
  /** every answer that the plane gave */
  readonly replies: string[] = [];
  readonly home: string;
  readonly bucket: Awaited<ReturnType<typeof openBucket>>;
  readonly #servers: readonly ProviderServer[];
  readonly #jobs: Map<string, JobOptions>;
  readonly #remove: () => Promise<void>;

  private constructor(parts: {
    fakes: RentedPlane['fakes'];
    host: ProcessHost;
    plane: ScriptedPlane;
    home: string;
    bucket: RentedPlane['bucket'];
    servers: readonly ProviderServer[];
    jobs: Map<string, JobOptions>;
    remove: () => Promise<void>;
  }) {
    this.fakes = parts.fakes;
    this.host = parts.host;
    this.plane = parts.plane;
    this.home = parts.home;
    this.bucket = parts.bucket;
    this.#servers = parts.servers;
    this.#jobs = parts.jobs;
    this.#remove = parts.remove;
  }

  static async start(variables: Readonly<Record<string, string>> = {}): Promise<RentedPlane> {
    const { path, remove } = await makeTemporaryFolder();
    const bucket = await openBucket();
    const jobs = new Map<string, JobOptions>();
    const machines = join(path, 'machines');
    const host = new ProcessHost({ folder: machines, image: (machine) => imageOf(machine, machines, jobs) });
    host.isBlind = (machine) => readAttemptNumber(machine) === 1 && jobOf(machine, jobs)?.isFirstBlind === true;
    const options = { now: Date.now, host, bootMillis: BOOT_MILLIS };
    const fakes = { runpod: new FakeRunPod(options), lambda: new FakeLambda(options), vastai: new FakeVastAi(options) };
    fakes.lambda.endingMillis = ENDING_MILLIS;
    const [runpod, lambda, vastai] = await Promise.all([fakes.runpod, fakes.lambda, fakes.vastai].map(serveProvider));
    if (!runpod || !lambda || !vastai) throw new Error('three servers were asked for');
    const plane = await ScriptedPlane.start(
      {},
      {
        RUNPOD_API_KEY: fakes.runpod.key,
        RUNPOD_API_URL: runpod.url,
        LAMBDA_API_KEY: fakes.lambda.key,
        LAMBDA_API_URL: `${lambda.url}/api/v1`,
        VASTAI_API_KEY: fakes.vastai.key,
        VASTAI_API_URL: vastai.url,
        TUNEPLANE_TRAINER_IMAGE: `ghcr.io/acme/trainer@sha256:${'a'.repeat(64)}`,
        TUNEPLANE_REGISTRY_USERNAME: 'acme',
        TUNEPLANE_REGISTRY_PASSWORD: 'registry-password-canary',
        TUNEPLANE_ARTIFACTS: `s3://${bucket.bucket}/tuneplane`,
        AWS_ACCESS_KEY_ID: clientOptions().credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: clientOptions().credentials.secretAccessKey,
        AWS_REGION: REGION,
        AWS_ENDPOINT_URL: clientOptions().endpoint,
        TUNEPLANE_SWEEP_SECONDS: '10',
        TUNEPLANE_REPORT_SECONDS: '0.5',
        TUNEPLANE_SECRETS: 'hf-team=HF_TEAM_TOKEN',
        HF_TEAM_TOKEN: 'hf-team-token-canary',
        ...variables,
      },
      path,
    );
    return new RentedPlane({ fakes, host, plane, home: path, bucket, servers: [runpod, lambda, vastai], jobs, remove });
  }

  async close(): Promise<void> {
    await this.plane.close();
    this.host.close();
    for (const server of this.#servers) await server.close();
    await this.bucket.close();
    await this.#remove();
  }

  async request(method: string, path: string, body?: unknown): Promise<TestReply> {
    const reply = await this.plane.request(method, path, body);
    this.replies.push(JSON.stringify(reply.body));
    return reply;
  }

  /** A job of document 3, created here and submitted there. @returns its id */
  async submit(provider: RentingProvider, job: JobOptions = {}): Promise<string> {
    const created = await this.request('POST', JOBS, {
      base_model: 'tiny-llama',
      dataset: './rows.jsonl',
      ...job.body,
    });
    if (created.status !== 201) throw new Error(`the job was refused: ${JSON.stringify(created.body)}`);
    const id = z.object({ job_id: z.string() }).parse(created.body).job_id;
    this.#jobs.set(id, job);
    const submitted = await this.request('POST', `${JOBS}/${id}/submit`, { provider });
    if (submitted.status !== 200) throw new Error(`the job was not submitted: ${JSON.stringify(submitted.body)}`);
    return id;
  }

  async status(id: string): Promise<JobStatus> {
    return jobSchema.parse((await this.request('GET', `${JOBS}/${id}/status`)).body);
  }

  /** The job once it holds. @throws Error after five minutes, with what it was then and what its machines said */
  async when(id: string, isThere: (job: JobStatus) => boolean): Promise<JobStatus> {
    for (const until = Date.now() + LIMIT_MILLIS; ; await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS))) {
      const job = await this.status(id);
      if (isThere(job)) return job;
      if (Date.now() > until) throw new Error(`still not so: ${JSON.stringify(job)}\n${this.#outputOf(id)}`);
    }
  }

  async whenOver(id: string): Promise<JobStatus> {
    return this.when(id, ({ completed_at: completedAt }) => completedAt !== null);
  }

  /** All that were ever asked for on behalf of a job, in order. */
  machinesOf(id: string): FakeMachine[] {
    return Object.values(this.fakes)
      .flatMap(({ machines }) => [...machines.values()])
      .filter(({ label }) => isOf(label, id))
      .sort((a, b) => a.createdAt - b.createdAt);
  }

  #outputOf(id: string): string {
    return this.machinesOf(id)
      .map((machine) => `${machine.label}:\n${this.host.logOf(machine).slice(-20).join('\n')}`)
      .join('\n');
  }
}

const isOf = (label: string, runId: string): boolean => label.includes(runId.slice('run_'.length));

const jobOf = ({ label }: FakeMachine, jobs: ReadonlyMap<string, JobOptions>): JobOptions | undefined =>
  [...jobs].find(([id]) => isOf(label, id))?.[1];

const readAttemptNumber = ({ label }: FakeMachine): number => Number(label.split('-')[3]);

/** The image's own variables: which engine stands in it is this test's choice, by job. */
function imageOf(machine: FakeMachine, folder: string, jobs: ReadonlyMap<string, JobOptions>): Record<string, string> {
  const job = jobOf(machine, jobs);
  if (job?.isReal !== true) return { TUNEPLANE_ENGINE: JSON.stringify(ENGINE), TUNEPLANE_SCRIPT: JSON.stringify(job?.script ?? {}) };
  // No GPU is here. That the container shows one is believed, and the engine then trains on the processor.
  const pretence = join(folder, 'pretence');
  mkdirSync(pretence, { recursive: true });
  writeFileSync(join(pretence, 'sitecustomize.py'), 'import trainer.gpu_health\n\ntrainer.gpu_health.require_health = lambda *_: None\n');
  return { PYTHONPATH: `${pretence}:${join(REPOSITORY, 'trainer-image')}`, HF_HUB_OFFLINE: '1' };
}
