/**
 * Simulated machines, each with a trainer that speaks the run folder's contract on the simulated clock. They are not part of the plane:
 * its crashes do not touch them, and what happens to them no process of the plane has done.
 */
import { createHash } from 'node:crypto';
import { type AttemptSpec, attemptName, type Control, type Manifest, type Progress, runFolderKeys } from '#domain/run-folder.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import { Violation } from './store.ts';

/** What a run's training is like, whoever does it. */
export interface Script {
  readonly steps: number;
  readonly saveEvery: number;
  /** the code of a failure that its input leads to, and the step where it does */
  readonly fails: { readonly step: number; readonly code: string } | null;
}

export interface MachineFaults {
  /** of each look at its control, 0 to 1: it is gone, it hangs, its owner takes it away */
  readonly dies: number;
  readonly hangs: number;
  readonly isTaken: number;
  /** of each termination: it goes on writing for a while */
  readonly isZombie: number;
}

const TICK_MILLIS = 4_000;
const STEPS_A_TICK = 4;
const ZOMBIE_MILLIS = 60_000;

type State = 'waiting' | 'booting' | 'training' | 'hanging' | 'ended' | 'dead';

export interface Machine {
  readonly id: number;
  readonly tag: string;
  readonly runId: string;
  readonly attempt: number;
  readonly folder: string;
  state: State;
  isTaken: boolean;
  zombieUntil: number;
}

export class Machines {
  readonly all: Machine[] = [];
  faults: MachineFaults;
  /** machines that were lost, by run: only these may end a run for the machines' sake */
  readonly lost = new Map<string, number>();
  readonly #scheduler: Scheduler;
  readonly #files: Map<string, string>;
  readonly #scripts: ReadonlyMap<string, Script>;
  readonly #random: Random;
  readonly #bootMillis: () => number;
  onManifest: (runId: string) => void = () => {};

  constructor(options: {
    readonly scheduler: Scheduler;
    readonly files: Map<string, string>;
    readonly scripts: ReadonlyMap<string, Script>;
    readonly faults: MachineFaults;
    readonly bootMillis: () => number;
  }) {
    this.#scheduler = options.scheduler;
    this.#files = options.files;
    this.#scripts = options.scripts;
    this.#random = options.scheduler.random;
    this.#bootMillis = options.bootMillis;
    this.faults = options.faults;
  }

  start(tag: string, runId: string, attempt: number, folder: string): Machine {
    const machine: Machine = { id: this.all.length + 1, tag, runId, attempt, folder, state: 'booting', isTaken: false, zombieUntil: 0 };
    this.all.push(machine);
    this.#scheduler.after(this.#bootMillis(), () =>
      new Trainer(machine, this, this.#scheduler, this.#files, this.#scriptOf(runId)).claim(),
    );
    return machine;
  }

  of(tag: string): Machine[] {
    return this.all.filter((machine) => machine.tag === tag && isThere(machine));
  }

  terminate(tag: string): void {
    for (const machine of this.of(tag)) {
      if (machine.state === 'training' && this.#random.chance(this.faults.isZombie))
        machine.zombieUntil = this.#scheduler.now + ZOMBIE_MILLIS;
      machine.state = 'dead';
    }
  }

  /** Chance takes its turn. @returns false where the machine is not at work any more */
  survives(machine: Machine): boolean {
    const fate = this.#random.next();
    const { dies, hangs, isTaken } = this.faults;
    if (fate < dies) this.#lose(machine, 'dead');
    else if (fate < dies + hangs) this.#lose(machine, 'hanging');
    else if (fate < dies + hangs + isTaken) {
      machine.isTaken = true;
      this.#lose(machine, 'dead');
    } else return true;
    this.#scheduler.say(() => `machine ${machine.id} of ${machine.tag} is ${machine.isTaken ? 'taken away' : machine.state}`);
    return false;
  }

  #lose(machine: Machine, state: State): void {
    machine.state = state;
    this.lost.set(machine.runId, (this.lost.get(machine.runId) ?? 0) + 1);
  }

  #scriptOf(runId: string): Script {
    const script = this.#scripts.get(runId);
    if (!script) throw new Error(`no script for ${runId}`);
    return script;
  }
}

export const isThere = ({ state }: Machine): boolean => state === 'booting' || state === 'training' || state === 'hanging';

export const weightsAt = (runId: string, step: number): string => `weights of ${runId} at ${step}`;
const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

class Trainer {
  readonly #machine: Machine;
  readonly #machines: Machines;
  readonly #scheduler: Scheduler;
  readonly #files: Map<string, string>;
  readonly #script: Script;
  readonly #claimId: string;
  #step = 0;
  #sequence = 0;
  #controlVersion = 0;
  #checkpoints = 0;
  #lastCheckpoint: string | null = null;

  constructor(machine: Machine, machines: Machines, scheduler: Scheduler, files: Map<string, string>, script: Script) {
    this.#machine = machine;
    this.#machines = machines;
    this.#scheduler = scheduler;
    this.#files = files;
    this.#script = script;
    this.#claimId = `claim-${machine.id}`;
  }

  /** The trainer's first act. Who finds the attempt taken leaves without a word. */
  claim(): void {
    const { runId, attempt, folder } = this.#machine;
    if (this.#machine.state !== 'booting' || !this.#machines.survives(this.#machine)) return;
    const key = `${folder}/${runFolderKeys.claim(runId, attempt)}`;
    if (this.#files.has(key)) {
      this.#machine.state = 'ended';
      return;
    }
    this.#files.set(key, JSON.stringify({ schema: 1, ...this.#identity(), host: 'h', pid: 7, claimedAt: this.#time() }));
    const text = this.#files.get(`${folder}/${runFolderKeys.spec(runId, attempt)}`);
    if (text === undefined) throw new Violation(`${this.#machine.tag} was launched before its spec was written`);
    const spec = JSON.parse(text) as AttemptSpec;
    this.#step = spec.resumeFrom?.step ?? 0;
    if (spec.resumeFrom && this.#files.get(`${folder}/checkpoints/${spec.resumeFrom.folder}/weights`) !== weightsAt(runId, this.#step))
      throw new Violation(`${this.#machine.tag} was told to go on from a checkpoint that is not whole`);
    this.#machine.state = 'training';
    this.#scheduler.say(() => `machine ${this.#machine.id} has ${this.#machine.tag}, from step ${this.#step}`);
    this.#report();
    this.#scheduler.after(TICK_MILLIS, () => this.#tick());
  }

  #tick(): void {
    const isZombie = this.#machine.state === 'dead' && this.#machine.zombieUntil > this.#scheduler.now;
    if (this.#machine.state !== 'training' && !isZombie) return;
    if (!isZombie && !this.#machines.survives(this.#machine)) return;
    const want = this.#readControl();
    if (want === 'superseded') {
      this.#machine.state = 'ended';
      this.#machine.zombieUntil = 0;
      return;
    }
    if (want === 'stop' || want === 'pause') {
      this.#save('final');
      this.#end(want === 'stop' ? 'stopped' : 'paused', null);
    } else this.#train();
  }

  #train(): void {
    const { steps, saveEvery, fails } = this.#script;
    const before = this.#step;
    this.#step = Math.min(this.#step + STEPS_A_TICK, steps, fails && fails.step > before ? fails.step : steps);
    const isBroken = fails !== null && this.#step >= fails.step;
    if (!isBroken && Math.floor(this.#step / saveEvery) > Math.floor(before / saveEvery)) this.#save('interval');
    if (isBroken) this.#end('failed', fails.code);
    else if (this.#step >= steps) this.#end('completed', null);
    else {
      this.#report();
      this.#scheduler.after(TICK_MILLIS, () => this.#tick());
    }
  }

  #readControl(): Control['want'] {
    const text = this.#files.get(this.#key(runFolderKeys.control(this.#machine.runId, this.#machine.attempt)));
    if (text === undefined) return 'run';
    const control = JSON.parse(text) as Control;
    if (control.version < this.#controlVersion) return 'run'; // an older word, put late
    this.#controlVersion = control.version;
    return control.want;
  }

  #save(reason: 'interval' | 'final'): void {
    const { runId, attempt } = this.#machine;
    const name = `step-${String(this.#step).padStart(6, '0')}`;
    const folder = this.#files.has(this.#key(`checkpoints/${name}/weights`)) ? `${name}.${String(attempt).padStart(4, '0')}` : name;
    const weights = weightsAt(runId, this.#step);
    this.#files.set(this.#key(runFolderKeys.checkpointFile(folder, 'weights')), weights);
    this.#put(runFolderKeys.checkpointRecord(name), {
      ...CHECKPOINT,
      name,
      folder,
      runId,
      attempt,
      step: this.#step,
      reason,
      createdAt: this.#time(),
      files: [{ path: 'weights', sizeBytes: weights.length, sha256: sha256(weights) }],
    });
    this.#checkpoints += 1;
    this.#lastCheckpoint = name;
  }

  #report(): void {
    this.#sequence += 1;
    const progress: Progress = {
      schema: 1,
      ...this.#identity(),
      sequence: this.#sequence,
      workSequence: this.#sequence,
      controlVersion: this.#controlVersion,
      phase: 'training',
      phaseDetail: null,
      phaseFraction: null,
      step: this.#step,
      steps: this.#script.steps,
      epoch: null,
      metrics: { loss: 1 / (1 + this.#step) },
      nonFinite: [],
      etaSeconds: null,
      counts: this.#counts(),
      lastLogAt: null,
      reportedAt: this.#time(),
    };
    this.#put(runFolderKeys.progress(this.#machine.runId, this.#machine.attempt), progress);
  }

  #end(outcome: Manifest['outcome'], code: string | null): void {
    const { runId, attempt } = this.#machine;
    const adapter = weightsAt(runId, this.#step);
    this.#files.set(this.#key(runFolderKeys.artifact(runId, 'adapter/adapter_model.safetensors')), adapter);
    this.#report();
    const manifest: Manifest = {
      schema: 1,
      ...this.#identity(),
      outcome,
      failure: code === null ? null : { code, message: 'because', evidence: [] },
      step: this.#step,
      steps: this.#script.steps,
      metrics: {},
      nonFinite: [],
      files: [{ path: 'adapter/adapter_model.safetensors', kind: 'adapter', sizeBytes: adapter.length, sha256: sha256(adapter) }],
      lastCheckpoint: this.#lastCheckpoint,
      result: null,
      endDetail: null,
      base: null,
      choices: [],
      versions: {},
      counts: this.#counts(),
      lastLogAt: null,
      startedAt: this.#time(),
      endedAt: this.#time(),
      computeSeconds: 1,
    };
    this.#put(runFolderKeys.manifest(runId, attempt), manifest);
    if (this.#machine.state === 'training') this.#machine.state = 'ended';
    this.#scheduler.say(() => `machine ${this.#machine.id} of ${attemptName(runId, attempt)} ${outcome} at step ${this.#step}`);
    this.#machines.onManifest(runId);
  }

  #counts() {
    return { logLines: 0, metricRows: 0, checkpoints: this.#checkpoints, samples: 0 };
  }

  #identity() {
    return { runId: this.#machine.runId, attempt: this.#machine.attempt, claimId: this.#claimId };
  }

  #time(): string {
    return new Date(this.#scheduler.now).toISOString();
  }

  #key(key: string): string {
    return `${this.#machine.folder}/${key}`;
  }

  #put(key: string, value: unknown): void {
    this.#files.set(this.#key(key), JSON.stringify(value));
  }
}

const CHECKPOINT = {
  schema: 1,
  epoch: null,
  metrics: {},
  worldSize: 1,
  globalBatch: 8,
  precision: 'float32',
  versions: {},
  base: { id: 'tiny-llama', commit: null },
  dataFingerprint: 'd',
  configHash: 'c',
};
