/**
 * A plane and the three providers that rent: real connectors, the fake servers called without a network, machines that are billed by the
 * second.
 */

import { ConnectorCompute } from '#compute/connector-compute.ts';
import { type LedgerRecord, MachineLedger } from '#compute/machine-ledger.ts';
import { openConnector, openGate } from '#compute/open-connectors.ts';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import { attemptName } from '#domain/run-folder.ts';
import { reapMachines, type Sweep } from '#operations/reap-machines.ts';
import type { Compute } from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Ports } from '#ports/ports.ts';
import { FakeLambda } from '../fake-providers/fake-lambda.ts';
import type { FakeMachine, FakeProvider } from '../fake-providers/fake-provider.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { FakeVastAi } from '../fake-providers/fake-vastai.ts';
import type { TrainingScript } from '../fake-providers/simulated-trainer.ts';
import type { KillSwitch } from './kill-switch.ts';
import { memoryMachineTokens } from './memory-machine-tokens.ts';
import { PlaneWorld } from './plane-world.ts';

const SWEEP_MILLIS = 60_000;
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

export class RentedWorld extends PlaneWorld {
  readonly fakes: { readonly runpod: FakeRunPod; readonly lambda: FakeLambda; readonly vastai: FakeVastAi };
  readonly sweeps: Sweep[] = [];
  #sweptAt = this.now;

  constructor({ script = { steps: 4, saveEvery: 2 }, bootMillis = 20_000, ...options }: RentedWorldOptions = {}) {
    super({ script, ...options });
    const fake = { now: () => this.now, host: this.host, bootMillis };
    this.fakes = { runpod: new FakeRunPod(fake), lambda: new FakeLambda(fake), vastai: new FakeVastAi(fake) };
    this.restart(); // the plane begins with the keys of this moment
  }

  fake(provider: RentingProvider): FakeProvider {
    return this.fakes[provider];
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

  protected settings(): Partial<Ports['settings']> {
    return { provider: 'runpod', providers: [...RENTING_PROVIDERS] };
  }

  protected async machinesAct(): Promise<void> {
    for (const fake of Object.values(this.fakes)) fake.advance();
    await this.host.turn();
  }

  protected override async sweepIfDue(): Promise<void> {
    if (this.now - this.#sweptAt < SWEEP_MILLIS) return;
    this.#sweptAt = this.now;
    await this.alive(async () => {
      const sweep = await reapMachines(this.ports);
      this.sweeps.push(sweep);
      if (!this.killSwitch.isDead) this.errors.push(...sweep.faults.map(({ error }) => error));
    });
  }

  protected computes(documents: DocumentStore, killSwitch: KillSwitch): Readonly<Record<string, Compute>> {
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
    return Object.fromEntries(computes);
  }

  #fakeAt(url: string): FakeProvider {
    const provider = RENTING_PROVIDERS.find((name) => url.startsWith(BASES[name]));
    if (provider === undefined) throw new Error(`nobody is at ${url}`);
    return this.fakes[provider];
  }
}
