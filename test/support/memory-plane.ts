/** Ports in memory around the real operations: a clock that the test moves, a compute that does what the test says, and a trainer that writes run folders. */

import type { Run, RunEvent, RunView } from '#domain/run.ts';
import { attemptName, type CheckpointRecord, type Manifest, type Phase, type Progress, runFolderKeys } from '#domain/run-folder.ts';
import type { RunPlan } from '#domain/run-request.ts';
import type { Advance } from '#operations/advance/pace.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { createRun } from '#operations/create-run.ts';
import type { Answer, AnswerRecord, AnswerStore } from '#ports/answer-store.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Compute, Launch, LaunchOrder, Liveness, Machine, Observation, Reservation } from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Contents, Inputs, UploadLink } from '#ports/inputs.ts';
import type { Ports } from '#ports/ports.ts';
import type { StorageGrant } from '#ports/secrets.ts';
import { aComputeNeed, aTraining, EPOCH } from './builders.ts';
import { HandBell } from './hand-bell.ts';
import { InMemoryAnswers } from './in-memory-answers.ts';
import { InMemoryDocuments } from './in-memory-documents.ts';
import { MemoryArtifacts, sha256Of } from './memory-artifacts.ts';
import { MemoryLogIndex } from './memory-log-index.ts';
import { memoryMachineTokens } from './memory-machine-tokens.ts';
import { MemoryRuns } from './memory-runs.ts';

class MemoryContents implements Contents {
  readonly #files = new Map<string, string>();

  async put(content: string): Promise<{ sha256: string; sizeBytes: number }> {
    const sha256 = sha256Of(content);
    this.#files.set(sha256, content);
    return { sha256, sizeBytes: Buffer.byteLength(content) };
  }

  async get(sha256: string): Promise<string | null> {
    return this.#files.get(sha256) ?? null;
  }

  async getStart(sha256: string, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null> {
    const content = this.#files.get(sha256);
    return content === undefined ? null : { start: Buffer.from(content).subarray(0, maxBytes), sizeBytes: Buffer.byteLength(content) };
  }

  async openUpload(sha256: string): Promise<UploadLink> {
    return { url: `/uploads/${sha256}`, method: 'PUT', headers: {}, expiresAt: '2026-01-01T01:00:00.000Z' };
  }
}

class ScriptedCompute implements Compute {
  heartbeat: Compute['heartbeat'] = 'answers';
  readonly launches: LaunchOrder[] = [];
  readonly terminated: string[] = [];
  readonly released: string[] = [];
  reservation: Reservation = { kind: 'reserved' };
  /** by tag; alive where nothing is said */
  readonly liveness = new Map<string, Liveness>();
  /** by tag: what else is seen of it */
  readonly seen = new Map<string, Omit<Observation, 'liveness'>>();
  refusal: Exclude<Launch, { kind: 'launched' }> | null = null;
  onLaunch: (order: LaunchOrder) => void = () => {};
  onReserve: () => Promise<void> = async () => {};

  async reserve(): Promise<Reservation> {
    await this.onReserve();
    return this.reservation;
  }

  async machines(): Promise<readonly Machine[]> {
    return [];
  }

  async launch(order: LaunchOrder): Promise<Launch> {
    if (this.refusal) return this.refusal;
    this.launches.push(order);
    this.onLaunch(order);
    return { kind: 'launched', handle: { machine: order.tag } };
  }

  async observe(tag: string): Promise<Observation> {
    return { liveness: this.liveness.get(tag) ?? 'alive', ...this.seen.get(tag) };
  }

  async terminate(tag: string): Promise<void> {
    this.terminated.push(tag);
  }

  async release(tag: string): Promise<void> {
    this.released.push(tag);
  }
}

const noAnswers: AnswerStore = {
  find: async (): Promise<AnswerRecord | null> => null,
  begin: async () => true,
  finish: async (_key, _answer: Answer) => {},
  forget: async () => {},
  expire: async () => {},
};

export class MemoryPlane {
  readonly runs = new MemoryRuns();
  readonly artifacts = new MemoryArtifacts();
  readonly compute = new ScriptedCompute();
  readonly nudged: string[] = [];
  readonly documents: DocumentStore = new InMemoryDocuments(new InMemoryAnswers({ now: () => this.now }));
  readonly contents = new MemoryContents();
  readonly logIndex = new MemoryLogIndex();
  readonly bell = new HandBell((millis) => {
    this.now += millis;
  });
  readonly inputs: Inputs = {
    pin: async (dataset) => ({ dataset }),
    locateModel: async (path) => ({ path }),
    readText: async (path) => ({ problem: `'${path}' is not there` }),
  };
  now = EPOCH;
  /** what a machine gets for the store; null: run folders are paths */
  grant: StorageGrant | null = null;
  readonly ports: Ports = {
    runs: this.runs,
    documents: this.documents,
    contents: this.contents,
    secrets: {
      seal: async (_runId, values) => JSON.stringify(values),
      open: async (_runId, sealed) => JSON.parse(sealed),
      read: async (name) => `value of ${name}`,
    },
    machineTokens: memoryMachineTokens,
    storageGrants: { for: async () => this.grant },
    answers: noAnswers,
    artifacts: this.artifacts,
    inputs: this.inputs,
    compute: { of: () => this.compute, all: () => [this.compute] },
    workflow: { start: async () => {}, nudge: async (runId) => void this.nudged.push(runId) },
    sink: { deliver: async () => {} },
    bell: this.bell,
    downloads: { link: async (key) => `/files/${key}?signature=x` },
    logIndex: this.logIndex,
    clock: { now: () => this.now },
    settings: {
      provider: 'local',
      providers: ['local'],
      defaultBase: 'tiny-llama',
      secrets: ['hf-team'],
      allowedImages: [],
      reportSeconds: 1,
      stallSeconds: 900,
      claimSeconds: 10,
      silenceSeconds: 120,
      startSeconds: 1_800,
      capacitySeconds: 24 * 3_600,
      publicUrl: 'https://plane.example',
    },
  };

  async create(overrides: Partial<RunPlan> = {}): Promise<string> {
    const plan: RunPlan = {
      training: aTraining(),
      compute: aComputeNeed(),
      maxRuntimeSeconds: 1_209_600,
      choices: [],
      ...overrides,
    };
    const { run } = await createRun(this.ports, {
      api: 'sft',
      plan,
      request: {},
      name: null,
      projectId: 'proj_default',
      provider: null,
      outputDir: null,
      submit: true,
    });
    return run.id;
  }

  /** Advances until the run would wait, or is done. */
  async settle(runId: string): Promise<Advance> {
    for (let round = 0; round < 50; round++) {
      const advance = await advanceRun(this.ports, runId);
      if (advance.phase === 'done' || advance.waitSeconds > 0) return advance;
    }
    throw new Error(`run ${runId} never waits`);
  }

  async view(runId: string): Promise<RunView> {
    const view = await this.runs.get(runId);
    if (!view) throw new Error(`no run ${runId}`);
    return view;
  }

  async run(runId: string): Promise<Run> {
    return (await this.view(runId)).run;
  }

  async eventTypes(runId: string): Promise<string[]> {
    return (await this.runs.events(runId, 0, 1_000)).map(({ type }: RunEvent) => type);
  }

  setLiveness(runId: string, attempt: number, liveness: Liveness): void {
    this.compute.liveness.set(attemptName(runId, attempt), liveness);
  }

  /** The trainer of a run's attempt. It writes what the contract says, when the test says so. */
  trainer(runId: string, attempt = 1, folder = `runs/${runId}/framework=hf`): MemoryTrainer {
    return new MemoryTrainer(this.artifacts, runId, attempt, () => this.now, folder);
  }
}

export class MemoryTrainer {
  readonly #artifacts: Pick<Artifacts, 'put' | 'putIfAbsent'>;
  readonly #runId: string;
  readonly #attempt: number;
  readonly #now: () => number;
  readonly #claimId: string;
  readonly #folder: string;
  #sequence = 0;
  #counts = { logLines: 0, metricRows: 0, checkpoints: 0, samples: 0 };

  constructor(
    artifacts: Pick<Artifacts, 'put' | 'putIfAbsent'>,
    runId: string,
    attempt: number,
    now: () => number,
    folder: string,
    claimId?: string,
  ) {
    this.#folder = folder;
    this.#artifacts = artifacts;
    this.#runId = runId;
    this.#attempt = attempt;
    this.#now = now;
    this.#claimId = claimId ?? `claim-${attemptName(runId, attempt)}`;
  }

  /** False where the attempt is taken. */
  async claim(): Promise<boolean> {
    return this.#artifacts.putIfAbsent(
      this.#key(runFolderKeys.claim(this.#runId, this.#attempt)),
      JSON.stringify({ schema: 1, ...this.#identity(), host: 'h', pid: 7, claimedAt: this.#time() }),
    );
  }

  async report(phase: Phase, overrides: Partial<Progress> = {}): Promise<void> {
    this.#sequence += 1;
    const progress: Progress = {
      schema: 1,
      ...this.#identity(),
      sequence: this.#sequence,
      workSequence: this.#sequence,
      controlVersion: 1,
      phase,
      phaseDetail: null,
      phaseFraction: null,
      step: 0,
      steps: 20,
      epoch: null,
      metrics: {},
      nonFinite: [],
      etaSeconds: null,
      counts: { ...this.#counts },
      lastLogAt: null,
      reportedAt: this.#time(),
      ...overrides,
    };
    await this.#put(runFolderKeys.progress(this.#runId, this.#attempt), progress);
  }

  async checkpoint(step: number, options: { evalLoss?: number; torn?: boolean; base?: CheckpointRecord['base'] } = {}): Promise<void> {
    const name = `step-${String(step).padStart(6, '0')}`;
    const weights = `weights at ${step}`;
    await this.#artifacts.put(this.#key(runFolderKeys.checkpointFile(name, 'weights')), options.torn ? weights.slice(0, 3) : weights);
    const record: CheckpointRecord = {
      schema: 1,
      name,
      folder: name,
      runId: this.#runId,
      attempt: this.#attempt,
      step,
      epoch: null,
      reason: 'interval',
      createdAt: this.#time(),
      files: [{ path: 'weights', sizeBytes: weights.length, sha256: sha256Of(weights) }],
      metrics: options.evalLoss === undefined ? {} : { eval_loss: options.evalLoss },
      worldSize: 1,
      globalBatch: 8,
      precision: 'float32',
      versions: {},
      base: options.base ?? { id: 'tiny-llama', commit: null },
      dataFingerprint: 'd',
      configHash: 'c',
    };
    await this.#put(runFolderKeys.checkpointRecord(name), record);
    this.#counts.checkpoints += 1;
  }

  async finish(outcome: Manifest['outcome'], overrides: Partial<Manifest> = {}): Promise<void> {
    const content = 'adapter';
    await this.#artifacts.put(this.#key(runFolderKeys.artifact(this.#runId, 'adapter/adapter_model.safetensors')), content);
    const manifest: Manifest = {
      schema: 1,
      ...this.#identity(),
      outcome,
      failure: null,
      step: 20,
      steps: 20,
      metrics: { train_loss: 0.5, eval_loss: 0.6 },
      nonFinite: [],
      files:
        outcome === 'completed'
          ? [{ path: 'adapter/adapter_model.safetensors', kind: 'adapter', sizeBytes: content.length, sha256: sha256Of(content) }]
          : [],
      lastCheckpoint: null,
      result: null,
      endDetail: null,
      base: { id: 'tiny-llama', commit: null },
      choices: [],
      versions: {},
      counts: { ...this.#counts },
      lastLogAt: null,
      startedAt: this.#time(),
      endedAt: this.#time(),
      computeSeconds: 3,
      ...overrides,
    };
    await this.#put(runFolderKeys.manifest(this.#runId, this.#attempt), manifest);
  }

  async fail(code: string, message: string): Promise<void> {
    await this.finish('failed', { failure: { code, message, evidence: ['the last line'] } });
  }

  #identity() {
    return { runId: this.#runId, attempt: this.#attempt, claimId: this.#claimId };
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }

  #key(key: string): string {
    return `${this.#folder}/${key}`;
  }

  async #put(key: string, value: unknown): Promise<void> {
    await this.#artifacts.put(this.#key(key), JSON.stringify(value));
  }
}
