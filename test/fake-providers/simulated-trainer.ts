/** A trainer on a fake machine under a clock moved by hand: it claims, reports, saves, obeys and finishes as the contract says, a step at each turn. */
import * as z from 'zod';
import { controlSchema, runFolderKeys, runIdOfAttempt } from '#domain/run-folder.ts';
import { claimAttempt } from '#operations/claim-attempt.ts';
import type { Ports } from '#ports/ports.ts';
import type { MemoryArtifacts } from '../support/memory-artifacts.ts';
import { MemoryTrainer } from '../support/memory-plane.ts';
import type { FakeMachine, MachineHost } from './fake-provider.ts';
import { asRecord } from './fake-runpod.ts';

const TURN_MILLIS = 30_000;

export interface TrainingScript {
  /** turns of 30 s */
  readonly steps: number;
  readonly saveEvery: number;
}

interface Trainee {
  readonly machine: FakeMachine;
  readonly environment: Readonly<Record<string, string>>;
  trainer: MemoryTrainer | null;
  step: number;
  nextAt: number;
  isDone: boolean;
}

export interface SimulatedHostOptions {
  readonly artifacts: MemoryArtifacts;
  readonly now: () => number;
  /** the plane as it is at this moment; null while it is down */
  readonly ports: () => Ports | null;
  readonly script: TrainingScript;
}

export class SimulatedHost implements MachineHost {
  readonly #options: SimulatedHostOptions;
  readonly #trainees = new Map<FakeMachine, Trainee>();
  /** every step that was trained, as `<run> <attempt> <step>` */
  readonly trace: string[] = [];
  /** machines that show no GPU inside */
  isUnfit: (machine: FakeMachine) => boolean = () => false;

  /** those that stand still, and go on where they were */
  readonly asleep = new Set<FakeMachine>();

  constructor(options: SimulatedHostOptions) {
    this.#options = options;
  }

  start(machine: FakeMachine): void {
    this.#trainees.set(machine, {
      machine,
      environment: environmentOf(machine),
      trainer: null,
      step: 0,
      nextAt: this.#options.now(),
      isDone: false,
    });
  }

  stop(machine: FakeMachine): void {
    this.#trainees.delete(machine);
  }

  /** Its trainer has come to its end, whichever. */
  isDone(machine: FakeMachine): boolean {
    return this.#trainees.get(machine)?.isDone ?? true;
  }

  logOf(): readonly string[] {
    return ['container started'];
  }

  /** Whoever is due does one turn. */
  async turn(): Promise<void> {
    for (const trainee of [...this.#trainees.values()]) {
      if (trainee.isDone || trainee.nextAt > this.#options.now() || this.asleep.has(trainee.machine)) continue;
      trainee.nextAt = this.#options.now() + TURN_MILLIS;
      await this.#act(trainee);
    }
  }

  async #act(trainee: Trainee): Promise<void> {
    const { environment, machine } = trainee;
    const name = /attempts\/([^/]+)\/claim$/.exec(environment['TUNEPLANE_CLAIM_URL'] ?? '')?.[1] ?? '';
    const runId = runIdOfAttempt(name);
    const attempt = Number(environment['TUNEPLANE_ATTEMPT']);
    const { artifacts, now, script } = this.#options;
    if (trainee.trainer === null) {
      const ports = this.#options.ports();
      if (ports === null) return; // the plane is down: asked again at the next turn
      const claimId = `claim_${machine.id.replaceAll(/[^0-9a-z]/g, '').padStart(16, '0')}`;
      const token = environment['TUNEPLANE_BOOTSTRAP_TOKEN'] ?? '';
      try {
        await claimAttempt(ports, name, token, { claimId, host: machine.id, pid: 1, machine: environment['TUNEPLANE_MACHINE'] ?? null });
      } catch {
        trainee.isDone = true; // another machine's, or over: it sleeps, and costs, until somebody ends it
        return;
      }
      trainee.trainer = new MemoryTrainer(artifacts, runId, attempt, now, `runs/${runId}/framework=hf`, claimId);
      trainee.step = await this.#resumeStep(runId, attempt);
      if (this.isUnfit(machine)) {
        trainee.isDone = true;
        await trainee.trainer.fail('no_gpu', 'the container shows no GPU');
      } else await trainee.trainer.report('loading-model', { step: trainee.step, steps: script.steps });
      return;
    }
    await this.#train(trainee, trainee.trainer, runId, attempt);
  }

  async #train(trainee: Trainee, trainer: MemoryTrainer, runId: string, attempt: number): Promise<void> {
    const { script } = this.#options;
    const control = controlSchema.safeParse(await this.#read(runId, runFolderKeys.control(runId, attempt)));
    const want = control.success ? control.data.want : 'run';
    const version = control.success ? control.data.version : 0;
    if (want === 'superseded') {
      trainee.isDone = true;
      return;
    }
    if (want === 'stop' || want === 'pause') {
      trainee.isDone = true;
      await trainer.checkpoint(trainee.step);
      await trainer.finish(want === 'stop' ? 'stopped' : 'paused', { step: trainee.step });
      return;
    }
    trainee.step += 1;
    this.trace.push(`${runId} ${attempt} ${trainee.step}`);
    if (trainee.step % script.saveEvery === 0) await trainer.checkpoint(trainee.step);
    await trainer.report('training', {
      step: trainee.step,
      steps: script.steps,
      controlVersion: version,
      metrics: { loss: 1 / trainee.step },
    });
    if (trainee.step < script.steps) return;
    trainee.isDone = true;
    await trainer.finish('completed', { step: trainee.step, computeSeconds: trainee.step * (TURN_MILLIS / 1_000) });
  }

  async #resumeStep(runId: string, attempt: number): Promise<number> {
    const spec = z.looseObject({ resumeFrom: z.looseObject({ step: z.number() }).nullable() });
    return spec.parse(await this.#read(runId, runFolderKeys.spec(runId, attempt))).resumeFrom?.step ?? 0;
  }

  async #read(runId: string, key: string): Promise<unknown> {
    const text = await this.#options.artifacts.get(`runs/${runId}/framework=hf/${key}`);
    return text === null ? null : JSON.parse(text);
  }
}

/** As the machine sees it: from the request's own field, or from the script that its first boot runs. */
export function environmentOf({ wanted }: FakeMachine): Record<string, string> {
  const script = wanted['user_data'];
  if (typeof script !== 'string')
    return Object.fromEntries(Object.entries(asRecord(wanted['env'])).map(([name, value]) => [name, String(value)]));
  const lines = /END_OF_ENVIRONMENT'\n([\s\S]*?)\nEND_OF_ENVIRONMENT/.exec(script)?.[1] ?? '';
  return Object.fromEntries(lines.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
