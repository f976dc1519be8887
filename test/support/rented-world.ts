/**
 * A plane and the three providers under one clock that only the test moves: real operations, real connectors, the fake servers called
 * without a network, trainers that follow the contract. The plane can be killed at any of its side effects and started again; what it had
 * stored, and the machines, go on.
 */

import { ConnectorCompute } from '#compute/connector-compute.ts';
import { type LedgerRecord, MachineLedger } from '#compute/machine-ledger.ts';
import { openConnector, openGate } from '#compute/open-connectors.ts';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { RunPlan } from '#domain/run-request.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import { createRun } from '#operations/create-run.ts';
import { reapMachines, type Sweep } from '#operations/reap-machines.ts';
import type { Artifacts, DocumentStore, Ports, RunStore } from '#ports';
import { FakeLambda } from '../fake-providers/fake-lambda.ts';
import type { FakeMachine, FakeProvider } from '../fake-providers/fake-provider.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { FakeVastAi } from '../fake-providers/fake-vastai.ts';
import { SimulatedHost, type TrainingScript } from '../fake-providers/simulated-trainer.ts';
import { aComputeNeed, aTraining, EPOCH } from './builders.ts';
import { guarded, KillSwitch } from './kill-switch.ts';
import { MemoryArtifacts } from './memory-artifacts.ts';
import { memoryMachineTokens } from './memory-machine-tokens.ts';
import { MemoryPlane } from './memory-plane.ts';
import { MemoryRuns } from './memory-runs.ts';
import { SwiftDocuments } from './swift-documents.ts';

const SWEEP_MILLIS = 60_000;
const RETRY_MILLIS = 5_000;
const BASES: Readonly<Record<RentingProvider, string>> = {
  runpod: 'https://runpod.fake',
  lambda: 'https://lambda.fake/api/v1',
  vastai: 'https://vastai.fake',
};

export interface RentedWorldOptions {
  readonly script?: TrainingScript;
  readonly bootMillis?: number;
  readonly tickMillis?: number;
}

export class RentedWorld {
  now = EPOCH;
  readonly runs = new MemoryRuns();
  readonly artifacts = new MemoryArtifacts();
  readonly documents = new SwiftDocuments();
  readonly host: SimulatedHost;
  readonly fakes: { readonly runpod: FakeRunPod; readonly lambda: FakeLambda; readonly vastai: FakeVastAi };
  readonly due = new Map<string, number>();
  readonly sweeps: Sweep[] = [];
  /** faults of the plane that were thrown out of an advance, as a driver would log them */
  readonly errors: unknown[] = [];
  killSwitch = new KillSwitch();
  #ports: Ports;
  #sweptAt = EPOCH;
  readonly #tickMillis: number;

  constructor({ script = { steps: 4, saveEvery: 2 }, bootMillis = 20_000, tickMillis = 5_000 }: RentedWorldOptions = {}) {
    this.#tickMillis = tickMillis;
    this.host = new SimulatedHost({ artifacts: this.artifacts, now: () => this.now, ports: () => this.#steadyPorts(), script });
    const options = { now: () => this.now, host: this.host, bootMillis };
    this.fakes = { runpod: new FakeRunPod(options), lambda: new FakeLambda(options), vastai: new FakeVastAi(options) };
    this.#ports = this.#open(this.killSwitch);
  }

  get ports(): Ports {
    return this.#ports;
  }

  fake(provider: RentingProvider): FakeProvider {
    return this.fakes[provider];
  }

  async submit(provider: RentingProvider, overrides: Partial<RunPlan> = {}): Promise<string> {
    const { run } = await createRun(this.#ports, {
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
    this.due.set(run.id, this.now);
    return run.id;
  }

  /** One tick of the clock: machines boot, trainers act, runs that are due are advanced, each minute the sweep. */
  async tick(): Promise<void> {
    this.now += this.#tickMillis;
    for (const fake of Object.values(this.fakes)) fake.advance();
    await this.host.turn();
    for (const [runId, at] of [...this.due]) if (at <= this.now) await this.#advance(runId);
    if (this.now - this.#sweptAt >= SWEEP_MILLIS) await this.sweep();
  }

  async sweep(): Promise<void> {
    this.#sweptAt = this.now;
    await this.#alive(async () => {
      const sweep = await reapMachines(this.#ports);
      this.sweeps.push(sweep);
      if (!this.killSwitch.isDead) this.errors.push(...sweep.faults.map(({ error }) => error));
    });
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

  async isFinal(runId: string): Promise<boolean> {
    const view = this.runs.peek(runId);
    return view !== null && isFinal(view.run.state);
  }

  /** Does something as the plane, which may die of it and is then started again. @returns whether it lived */
  async #alive(act: () => Promise<void>): Promise<boolean> {
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

  /** A new process over the same stores: it takes up every unfinished run. */
  restart(killSwitch = new KillSwitch()): void {
    this.killSwitch = killSwitch;
    this.#ports = this.#open(killSwitch);
    for (const runId of this.due.keys()) this.due.set(runId, this.now);
  }

  async act(what: (ports: Ports) => Promise<unknown>): Promise<void> {
    for (;;) if (await this.#alive(async () => void (await what(this.#ports)))) return;
  }

  async #advance(runId: string): Promise<void> {
    await this.#alive(async () => {
      try {
        const { phase, waitSeconds } = await advanceRun(this.#ports, runId);
        if (phase === 'done') this.due.delete(runId);
        else this.due.set(runId, this.now + waitSeconds * 1_000);
      } catch (error) {
        if (this.killSwitch.isDead) return;
        this.errors.push(error);
        this.due.set(runId, this.now + RETRY_MILLIS);
      }
    });
  }

  ledger(provider: RentingProvider): MachineLedger {
    return new MachineLedger({ documents: this.documents, clock: { now: () => this.now }, provider });
  }

  /** What the ledger holds of a run, over all its attempts. */
  async recordsOf(runId: string): Promise<LedgerRecord[]> {
    const attempts = this.runs.peek(runId)?.run.attempt?.number ?? 0;
    const records = await Promise.all(
      Array.from({ length: attempts }, (_, index) => this.ledger('runpod').of(attemptName(runId, index + 1))),
    );
    return records.flat();
  }

  machinesOf(provider: RentingProvider, runId: string): FakeMachine[] {
    return [...this.fake(provider).machines.values()].filter(({ label }) => label.includes(runId.slice('run_'.length)));
  }

  /** The world's own ports for trainers: their requests are answered by whatever plane there is, and kill nobody. */
  #steadyPorts(): Ports {
    return this.#open(new KillSwitch());
  }

  #open(killSwitch: KillSwitch): Ports {
    const documents = guarded<DocumentStore>(this.documents, ['put', 'change', 'take'], killSwitch);
    const runs = guarded<RunStore>(this.runs, ['create', 'change', 'recordProgress', 'remove'], killSwitch);
    const artifacts = guarded<Artifacts>(this.artifacts, ['put', 'putIfAbsent', 'remove', 'removeFolder'], killSwitch);
    const clock = { now: () => this.now };
    const fetch = async (input: string, init: RequestInit): Promise<Response> => {
      const ask = () => this.#fakeAt(input).handle(new Request(input, { ...init, signal: null, redirect: 'follow' }));
      return init.method === 'GET' && !killSwitch.isDead ? ask() : killSwitch.guard(ask);
    };
    const pause = async (millis: number): Promise<void> => {
      this.now += millis;
    };
    const computes = RENTING_PROVIDERS.map((provider) => {
      const gate = openGate(provider, { documents, clock, pause });
      const connector = openConnector(provider, this.fake(provider).key, { fetch, gate, pause }, BASES[provider]);
      const image = { reference: `ghcr.io/acme/trainer@sha256:${'a'.repeat(64)}`, cuda: '13.0', registry: null };
      let chance = 0;
      const compute = new ConnectorCompute({
        connector,
        documents,
        clock,
        planeId: memoryMachineTokens.planeId,
        image,
        allowUnverified: false,
        chance: () => (chance++ % 1_296).toString(36).padStart(2, '0'),
      });
      return [provider, compute] as const;
    });
    const { ports } = new MemoryPlane();
    return {
      ...ports,
      runs,
      documents,
      artifacts,
      clock,
      compute: new ComputeTable(Object.fromEntries(computes)),
      workflow: {
        start: async (runId) => void this.due.set(runId, this.now),
        nudge: async (runId) => void this.due.set(runId, this.now),
      },
      settings: {
        ...ports.settings,
        provider: 'runpod',
        providers: [...RENTING_PROVIDERS],
        reportSeconds: 15,
        startSeconds: 600,
        silenceSeconds: 180,
      },
    };
  }

  #fakeAt(url: string): FakeProvider {
    const provider = RENTING_PROVIDERS.find((name) => url.startsWith(BASES[name]));
    if (provider === undefined) throw new Error(`nobody is at ${url}`);
    return this.fakes[provider];
  }
}
