/** A real plane on a free port in a temporary home, whose trainer is the real supervisor with the scripted, torch-free engine. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as z from 'zod';
import { type LocalEnvironment, readEnvironment } from '#local/environment.ts';
import { type Plane, startPlane } from '#local/plane.ts';
import { jobDetailResponse, jobStartResponse } from '#surfaces/sft/schemas.ts';
import { killAll, supervisorsIn } from './plane-process.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const PYTHON = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
const LOOK_MILLIS = 40;

export type Script = Readonly<Record<string, unknown>>;
type Job = z.infer<typeof jobDetailResponse>;

export interface TestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export function scriptedVariables(home: string, script: Script, variables: Readonly<Record<string, string>> = {}): Record<string, string> {
  const dataRoot = join(home, 'data');
  mkdirSync(dataRoot, { recursive: true });
  writeFileSync(join(dataRoot, 'rows.jsonl'), '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20));
  return {
    PATH: process.env['PATH'] ?? '',
    PORT: '0',
    TUNEPLANE_HOME: join(home, 'home'),
    TUNEPLANE_DATA_ROOT: dataRoot,
    TUNEPLANE_MAX_RUNS: '2',
    TUNEPLANE_REPORT_SECONDS: '0.1',
    TUNEPLANE_TRAINER_PYTHON: PYTHON,
    TUNEPLANE_ENGINE: JSON.stringify([PYTHON, join(REPOSITORY, 'test', 'scripted-engine', 'engine.py')]),
    TUNEPLANE_SCRIPT: JSON.stringify(script),
    ...variables,
  };
}

export class ScriptedPlane {
  readonly environment: LocalEnvironment;
  readonly #plane: Plane;
  readonly #remove: () => Promise<void>;

  private constructor(environment: LocalEnvironment, plane: Plane, remove: () => Promise<void>) {
    this.environment = environment;
    this.#plane = plane;
    this.#remove = remove;
  }

  static async start(script: Script = {}, variables: Readonly<Record<string, string>> = {}, home?: string): Promise<ScriptedPlane> {
    const folder = home === undefined ? await makeTemporaryFolder() : null;
    const path = folder?.path ?? home ?? '';
    const environment = readEnvironment(scriptedVariables(path, script, variables), path);
    // A closed plane leaves its trainers alone; what nobody will open again must not train on for days.
    const remove = async () => {
      if (folder === null) return;
      killAll(supervisorsIn(environment.home));
      await folder.remove();
    };
    return new ScriptedPlane(environment, await startPlane(environment), remove);
  }

  get url(): string {
    return this.#plane.url;
  }

  async close(): Promise<void> {
    await this.#plane.close();
    await this.#remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How many attempts the run made, by its folder. */
  countAttempts(id: string): number {
    return readdirSync(join(this.environment.home, 'artifacts', 'runs', id, 'framework=hf', 'attempts')).length;
  }

  async request(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestReply> {
    return request(this.url, method, path, body, headers);
  }

  async startJob(config: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { status, body } = await this.request('POST', '/api/sft/train', {
      config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 10, ...config },
    });
    if (status !== 200) throw new Error(`the job was refused: ${JSON.stringify(body)}`);
    return jobStartResponse.parse(body).job_id;
  }

  /** The job once `isThere` holds; looks every 40 ms for at most a minute. */
  async jobWhen(id: string, isThere: (job: Job) => boolean, headers: Readonly<Record<string, string>> = {}): Promise<Job> {
    return jobWhen(this.url, id, isThere, headers);
  }

  async jobWhenDone(id: string, headers: Readonly<Record<string, string>> = {}): Promise<Job> {
    return this.jobWhen(id, (job) => job.completed_at !== null, headers);
  }
}

export async function request(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestReply> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export async function jobWhen(
  url: string,
  id: string,
  isThere: (job: Job) => boolean,
  headers: Readonly<Record<string, string>> = {},
): Promise<Job> {
  const until = Date.now() + 60_000;
  for (;;) {
    const job = jobDetailResponse.parse((await request(url, 'GET', `/api/sft/jobs/${id}`, undefined, headers)).body);
    if (isThere(job)) return job;
    if (Date.now() > until) throw new Error(`still not so after a minute: ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
  }
}
