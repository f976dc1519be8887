/**
 * A plane under one clock that only the test moves: real operations, trainers that follow the contract. The plane can be killed at any of
 * its side effects and started again; what it had stored, and the machines, go on. What the machines are, each world says itself.
 */
import type { Run } from '#domain/run.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { RunPlan } from '#domain/run-request.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import { createRun } from '#operations/create-run.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import type { Compute } from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Ports } from '#ports/ports.ts';
import type { RunStore } from '#ports/run-store.ts';
import { SimulatedHost, type TrainingScript } from '../fake-providers/simulated-trainer.ts';
import { aComputeNeed, aTraining, EPOCH } from './builders.ts';
import { guarded, KillSwitch } from './kill-switch.ts';
import { MemoryArtifacts } from './memory-artifacts.ts';
import { MemoryPlane } from './memory-plane.ts';
import { MemoryRuns } from './memory-runs.ts';
import { SwiftDocuments } from './swift-documents.ts';

const RETRY_MILLIS = 5_000;

export interface PlaneWorldOptions {
  readonly script: TrainingScript;
  readonly tickMillis?: number;
}

export abstract class PlaneWorld {
  now = EPOCH;
  readonly runs = new MemoryRuns();
  readonly artifacts = new MemoryArtifacts();
  readonly documents = new SwiftDocuments();
  readonly host: SimulatedHost;
  /** faults of the plane that were thrown out of an advance, as a driver would log them */
  readonly errors: unknown[] = [];
  killSwitch = new KillSwitch();
  readonly #tickMillis: number;
  readonly #due = new Map<string, number>();
  #ports: Ports | null = null;

  constructor({ script, tickMillis = 5_000 }: PlaneWorldOptions) {
    this.#tickMillis = tickMillis;
    // What trainers ask is answered by whatever plane there is, and kills nobody.
    this.host = new SimulatedHost({
      artifacts: this.artifacts,
      now: () => this.now,
      ports: () => this.#open(new KillSwitch()),
      script,
    });
  }

  /** The plane as it is at this moment. */
  get ports(): Ports {
    this.#ports ??= this.#open(this.killSwitch);
    return this.#ports;
  }

  /** What this world's runs train on, with everything that it changes under the kill switch. */
  protected abstract computes(documents: DocumentStore, killSwitch: KillSwitch): Readonly<Record<string, Compute>>;
  protected abstract settings(): Partial<Ports['settings']>;
  /** Machines and their programs act, once a tick, before the plane does. */
  protected abstract machinesAct(): Promise<void>;
  /** What the plane does by the clock, once a tick, when it has looked at its runs. */
  protected async sweepIfDue(): Promise<void> {}

  async submit(provider: string, overrides: Partial<RunPlan> = {}): Promise<string> {
    const { run } = await createRun(this.ports, {
      api: 'orchestrator',
      plan: {
        training: aTraining({ dataset: { kind: 'hub', id: 'tatsu-lab/alpaca', commit: null } }),
        compute: aComputeNeed(),
        maxRuntimeSeconds: 86_400,
        choices: [],
        ...overrides,
      },
      request: {},
      name: null,
      projectId: 'proj_default',
      provider,
      outputDir: null,
      submit: true,
    });
    return run.id;
  }

  async tick(): Promise<void> {
    this.now += this.#tickMillis;
    await this.machinesAct();
    for (const [runId, at] of [...this.#due]) if (at <= this.now) await this.#advance(runId);
    await this.sweepIfDue();
  }

  /** Ticks until it holds. @throws Error after so many seconds of the world's own time */
  async until(isThere: () => Promise<boolean> | boolean, seconds = 7_200, what = 'it'): Promise<void> {
    const end = this.now + seconds * 1_000;
    while (!(await isThere())) {
      if (this.now > end) throw new Error(`${what} is not there after ${seconds} s`);
      await this.tick();
    }
  }

  /** @throws Error where there is none of this id */
  async run(runId: string): Promise<Run> {
    const view = await this.runs.get(runId);
    if (!view) throw new Error(`no run ${runId}`);
    return view.run;
  }

  isFinal(runId: string): boolean {
    const view = this.runs.peek(runId);
    return view !== null && isFinal(view.run.state);
  }

  /** Whether it has trained so many steps, or is over. */
  isAt(runId: string, step: number): boolean {
    return (this.runs.peek(runId)?.progress?.step ?? 0) >= step || this.isFinal(runId);
  }

  /** A new process over the same stores: it takes up every unfinished run. */
  restart(killSwitch = new KillSwitch()): void {
    this.killSwitch = killSwitch;
    this.#ports = this.#open(killSwitch);
    for (const runId of this.#due.keys()) this.#due.set(runId, this.now);
  }

  /** Does something as the plane, again where it died of it. */
  async act(what: (ports: Ports) => Promise<unknown>): Promise<void> {
    for (;;) if (await this.alive(async () => void (await what(this.ports)))) return;
  }

  /** Does something as the plane, which may die of it and is then started again. @returns whether it lived */
  protected async alive(act: () => Promise<void>): Promise<boolean> {
    this.killSwitch.beginTurn();
    try {
      await act();
    } catch (error) {
      if (!this.killSwitch.isDead) throw error;
    }
    // What dies inside a request looks like a lost answer to whoever waits for it: dead is dead, whatever was made of it.
    if (!this.killSwitch.isDead) return true;
    this.restart();
    return false;
  }

  async #advance(runId: string): Promise<void> {
    await this.alive(async () => {
      try {
        const { phase, waitSeconds } = await advanceRun(this.ports, runId);
        if (phase === 'done') this.#due.delete(runId);
        else this.#due.set(runId, this.now + waitSeconds * 1_000);
      } catch (error) {
        if (this.killSwitch.isDead) return;
        this.errors.push(error);
        this.#due.set(runId, this.now + RETRY_MILLIS);
      }
    });
  }

  #open(killSwitch: KillSwitch): Ports {
    const documents = guarded<DocumentStore>(this.documents, ['put', 'change', 'take'], killSwitch);
    const { ports } = new MemoryPlane();
    return {
      ...ports,
      runs: guarded<RunStore>(this.runs, ['create', 'change', 'recordProgress', 'remove'], killSwitch),
      documents,
      artifacts: guarded<Artifacts>(this.artifacts, ['put', 'putIfAbsent', 'remove', 'removeFolder'], killSwitch),
      clock: { now: () => this.now },
      compute: new ComputeTable(this.computes(documents, killSwitch)),
      workflow: {
        start: async (runId) => void this.#due.set(runId, this.now),
        nudge: async (runId) => void (this.#due.has(runId) && this.#due.set(runId, this.now)),
      },
      settings: { ...ports.settings, reportSeconds: 15, startSeconds: 600, silenceSeconds: 180, ...this.settings() },
    };
  }
}
