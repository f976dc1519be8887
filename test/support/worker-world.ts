/** A plane and machines of the user's own: boxes that look for work every few seconds, lose their power, or sleep. */
import { WorkerCompute } from '#compute/worker-compute.ts';
import { lookForWork } from '#operations/look-for-work.ts';
import type { Compute } from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Ports } from '#ports/ports.ts';
import type { FakeMachine } from '../fake-providers/fake-provider.ts';
import { memoryMachineTokens } from './memory-machine-tokens.ts';
import { PlaneWorld } from './plane-world.ts';

const LOOK_SECONDS = 5;

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

export class WorkerWorld extends PlaneWorld {
  readonly boxes = [new Box('box-1'), new Box('box-2')];

  /** Attempts whose trainers have not come to their end. */
  training(): string[] {
    return this.boxes.flatMap(({ holding }) => [...holding].filter(([, machine]) => !this.host.isDone(machine)).map(([tag]) => tag));
  }

  cutPower(box: Box): void {
    box.hasPower = false;
    for (const machine of box.holding.values()) this.host.stop(machine);
    box.holding.clear();
  }

  protected settings(): Partial<Ports['settings']> {
    return { silenceSeconds: 60 };
  }

  protected async machinesAct(): Promise<void> {
    await this.host.turn();
    for (const box of this.boxes) if (box.hasPower && box.isLooking) await this.#look(box);
  }

  protected computes(documents: DocumentStore): Readonly<Record<string, Compute>> {
    const clock = { now: () => this.now };
    return { local: new WorkerCompute({ documents, clock, isOnPlane: () => false, lookSeconds: LOOK_SECONDS, mark: null }) };
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
    await this.alive(async () => {
      const token = await memoryMachineTokens.issue('worker', box.name);
      const { start, end } = await lookForWork(this.ports, box.name, token, report);
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
}
