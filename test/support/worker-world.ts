/**
 * A plane and workers under one clock that only the test moves: real operations, trainers that follow the contract, boxes that look every
 * few seconds, lose their power, or sleep. The plane can be killed at any of its side effects and started again.
 */
import { WorkerCompute } from '#compute/worker-compute.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import { createRun } from '#operations/create-run.ts';
import { lookForWork } from '#operations/look-for-work.ts';
import type { Artifacts, DocumentStore, Ports, RunStore } from '#ports';
import type { FakeMachine } from '../fake-providers/fake-provider.ts';
import { SimulatedHost, type TrainingScript } from '../fake-providers/simulated-trainer.ts';
import { aComputeNeed, aTraining, EPOCH } from './builders.ts';
import { guarded, KillSwitch } from './kill-switch.ts';
import { MemoryArtifacts } from './memory-artifacts.ts';
import { memoryMachineTokens } from './memory-machine-tokens.ts';
import { MemoryPlane } from './memory-plane.ts';
import { MemoryRuns } from './memory-runs.ts';
import { SwiftDocuments } from './swift-documents.ts';

const TICK_MILLIS = 5_000;
const LOOK_SECONDS = 5;
const RETRY_MILLIS = 5_000;

/** One machine of the user's own. */
export class Box {
  readonly name: string;
  readonly instance: string;
  readonly holding = new Map<string, FakeMachine>();
  hasPower = true;
  /** the program that asks for work runs; trainers go on without it */
  isLooking = true;
  /** its next answers get lost, the orders in them too */
  deafLooks = 0;

  constructor(name: string) {
    this.name = name;
    this.instance = Buffer.from(name.padEnd(16)).toString('hex');
  }
}

export class WorkerWorld {
  now = EPOCH;
  readonly runs = new MemoryRuns();
  readonly artifacts = new MemoryArtifacts();
  readonly documents = new SwiftDocuments();
  readonly boxes = [new Box('box-1'), new Box('box-2')];
  readonly host: SimulatedHost;
  readonly errors: unknown[] = [];
  killSwitch = new KillSwitch();
  readonly #due = new Map<string, number>();
  #ports: Ports;

  constructor(script: TrainingScript) {
    this.host = new SimulatedHost({
      artifacts: this.artifacts,
      now: () => this.now,
      ports: () => this.#open(new KillSwitch()),
      script,
    });
    this.#ports = this.#open(this.killSwitch);
  }

  get ports(): Ports {
    return this.#ports;
  }

  async submit(): Promise<string> {
    const { run } = await createRun(this.#ports, {
      api: 'orchestrator',
      plan: {
        training: aTraining({ dataset: { kind: 'hub', id: 'tatsu-lab/alpaca', commit: null } }),
        compute: aComputeNeed(),
        maxRuntimeSeconds: 86_400,
        choices: [],
      },
      request: {},
      name: null,
      projectId: 'proj_default',
      provider: 'local',
      outputDir: null,
      submit: true,
    });
    return run.id;
  }

  async tick(): Promise<void> {
    this.now += TICK_MILLIS;
    await this.host.turn();
    for (const box of this.boxes) if (box.hasPower && box.isLooking) await this.#look(box);
    for (const [runId, at] of [...this.#due]) if (at <= this.now) await this.#advance(runId);
  }

  /** Ticks until it holds. @throws Error after so many seconds of the world's own time */
  async until(isThere: () => boolean, seconds = 7_200, what = 'it'): Promise<void> {
    const end = this.now + seconds * 1_000;
    while (!isThere()) {
      if (this.now > end) throw new Error(`${what} is not there after ${seconds} s`);
      await this.tick();
    }
  }

  isFinal(runId: string): boolean {
    const view = this.runs.peek(runId);
    return view !== null && isFinal(view.run.state);
  }

  /** Attempts whose trainers have not come to their end. */
  training(): string[] {
    return this.boxes.flatMap(({ holding }) => [...holding].filter(([, machine]) => !this.host.isDone(machine)).map(([tag]) => tag));
  }

  cutPower(box: Box): void {
    box.hasPower = false;
    for (const machine of box.holding.values()) this.host.stop(machine);
    box.holding.clear();
  }

  /** A new process over the same stores: it takes up every unfinished run. */
  restart(killSwitch = new KillSwitch()): void {
    this.killSwitch = killSwitch;
    this.#ports = this.#open(killSwitch);
    for (const runId of this.#due.keys()) this.#due.set(runId, this.now);
  }

  async act(what: (ports: Ports) => Promise<unknown>): Promise<void> {
    for (;;) if (await this.#alive(async () => void (await what(this.#ports)))) return;
  }

  async #look(box: Box): Promise<void> {
    for (const [tag, machine] of box.holding) if (this.host.isDone(machine)) box.holding.delete(tag);
    const report = {
      instance: box.instance,
      host: box.name,
      slots: 1,
      gpus: [{ index: 0, name: 'NVIDIA GeForce RTX 4090', memoryGb: 24 }],
      memoryGb: 64,
      engines: ['hf'],
      bases: [],
      sharesFolders: false,
      isLeaving: false,
      holding: [...box.holding.keys()].map((attempt) => ({ attempt, isAlive: true })),
    };
    await this.#alive(async () => {
      const token = await memoryMachineTokens.issue('worker', box.name);
      const { start, end } = await lookForWork(this.#ports, box.name, token, report);
      if (box.deafLooks > 0 && start.length > 0) {
        box.deafLooks -= 1;
        return;
      }
      for (const { attempt, number, bootstrapToken } of start)
        if (!box.holding.has(attempt)) this.#start(box, attempt, number, bootstrapToken);
      for (const tag of end) {
        const machine = box.holding.get(tag);
        if (machine) this.host.stop(machine);
      }
    });
  }

  #start(box: Box, attempt: string, number: number, token: string): void {
    const env = {
      TUNEPLANE_CLAIM_URL: `https://plane.example/attempts/${attempt}/claim`,
      TUNEPLANE_BOOTSTRAP_TOKEN: token,
      TUNEPLANE_MACHINE: box.name,
      TUNEPLANE_ATTEMPT: String(number),
    };
    const machine: FakeMachine = {
      id: `${box.name}${attempt.slice(-4)}`,
      label: attempt,
      createdAt: this.now,
      usdPerHour: 0,
      gpus: 1,
      wanted: { env },
      lostAt: null,
      terminatedAt: null,
    };
    box.holding.set(attempt, machine);
    this.host.start(machine);
  }

  async #alive(act: () => Promise<void>): Promise<boolean> {
    this.killSwitch.beginTurn();
    try {
      await act();
    } catch (error) {
      if (!this.killSwitch.isDead) throw error;
    }
    if (!this.killSwitch.isDead) return true;
    this.restart();
    return false;
  }

  async #advance(runId: string): Promise<void> {
    await this.#alive(async () => {
      try {
        const { phase, waitSeconds } = await advanceRun(this.#ports, runId);
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
    const clock = { now: () => this.now };
    const compute = new WorkerCompute({ documents, clock, isOnPlane: () => false, lookSeconds: LOOK_SECONDS, mark: null });
    const { ports } = new MemoryPlane();
    return {
      ...ports,
      runs: guarded<RunStore>(this.runs, ['create', 'change', 'recordProgress', 'remove'], killSwitch),
      documents,
      artifacts: guarded<Artifacts>(this.artifacts, ['put', 'putIfAbsent', 'remove', 'removeFolder'], killSwitch),
      clock,
      compute: new ComputeTable({ local: compute }),
      workflow: {
        start: async (runId) => void this.#due.set(runId, this.now),
        nudge: async (runId) => void (this.#due.has(runId) && this.#due.set(runId, this.now)),
      },
      settings: { ...ports.settings, reportSeconds: 15, startSeconds: 600, silenceSeconds: 60 },
    };
  }
}
