/**
 * One simulated history: a few runs, their users, planes that crash, machines that are lost, an hour in which everything goes wrong, and
 * then peace. In the end every run must be over, every event handed over, and no machine left.
 */
import { DomainError } from '#domain/errors.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { createRun } from '#operations/create-run.ts';
import { deliverEvents } from '#operations/deliver-events.ts';
import { pauseRun } from '#operations/pause-run.ts';
import { resumeRun } from '#operations/resume-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import { submitRun } from '#operations/submit-run.ts';
import type { Ports } from '#ports/ports.ts';
import { VersionConflict } from '#ports/run-store.ts';
import { aComputeNeed, aTraining } from '../support/builders.ts';
import { isThere, type Script, weightsAt } from './machines.ts';
import { Random } from './random.ts';
import { type Process, Scheduler, SimulatedFault } from './scheduler.ts';
import { Violation } from './store.ts';
import { World } from './world.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A sweep finds whatever a lost nudge left lying. */
const SWEEP_MILLIS = 5 * MINUTE;
const MAX_STEPS = 20_000;

export interface History {
  readonly seed: number;
  readonly steps: number;
  readonly runs: number;
  readonly outcomes: readonly string[];
  readonly trace: readonly string[] | null;
}

interface Plane {
  process: Process;
  ports: Ports;
  /** when each run is to be looked at next */
  readonly due: Map<string, number>;
}

/** @throws Violation */
export async function simulate(seed: number, isTraced = false): Promise<History> {
  const random = new Random(seed);
  const isLocal = random.chance(0.5);
  const scheduler = new Scheduler(random, { crash: random.pick([0, 0.002, 0.01, 0.03]), fault: random.pick([0, 0.01, 0.05]) }, isTraced);
  const scripts = new Map<string, Script>();
  const world = new World({ scheduler, heartbeat: isLocal ? 'answers' : 'reports', slots: random.between(1, 2), scripts });
  const simulation = new Simulation(world, scripts, isLocal ? 1 : random.between(1, 3));
  try {
    await simulation.live();
  } catch (error) {
    if (error instanceof Violation) error.trace = scheduler.trace ?? [];
    throw error;
  }
  return {
    seed,
    steps: scheduler.steps,
    runs: world.store.runs.size,
    outcomes: [...world.store.runs.values()].map(({ run }) => (run.failure ? `${run.state} ${run.failure.code}` : run.state)),
    trace: scheduler.trace,
  };
}

class Simulation {
  readonly #world: World;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #scripts: Map<string, Script>;
  readonly #planes: Plane[] = [];
  readonly #homes: number;
  #nudgeLoss = 0;
  #isPeace = false;
  #broken: unknown = null;

  constructor(world: World, scripts: Map<string, Script>, homes: number) {
    this.#world = world;
    this.#scheduler = world.scheduler;
    this.#random = world.scheduler.random;
    this.#scripts = scripts;
    this.#homes = homes;
    this.#scheduler.onCrash = (process) => this.#restartLater(process);
    world.onNudge = (process, runId) => this.#nudge(process, runId);
    world.machines.onManifest = (runId) => this.#notify(runId);
  }

  async live(): Promise<void> {
    const random = this.#random;
    this.#world.scarcity = random.pick([0, 0.3, 0.9]);
    this.#nudgeLoss = random.pick([0, 0.2, 0.7]);
    this.#world.machines.faults = {
      dies: random.pick([0, 0.01, 0.05]),
      hangs: random.pick([0, 0.01]),
      isTaken: random.pick([0, 0.03]),
      isZombie: random.pick([0, 0.5]),
    };
    for (let number = 1; number <= this.#homes; number++) this.#planes.push(this.#open(number));
    for (const plane of this.#planes) this.#sweep(plane);
    const runs = random.between(1, 3);
    for (let number = 0; number < runs; number++)
      this.#scheduler.after(random.between(0, 5 * MINUTE), () => this.#ask('create', (ports) => this.#create(ports)));
    await this.#run(HOUR, () => false);
    this.#makePeace();
    await this.#run(40 * DAY, () => this.#isOver());
    this.#judge();
  }

  async #run(millis: number, isDone: () => boolean): Promise<void> {
    await this.#scheduler.run(() => this.#broken !== null || isDone(), { untilMillis: this.#scheduler.now + millis, maxSteps: MAX_STEPS });
    if (this.#broken !== null) throw this.#broken;
  }

  // Planes

  #open(number: number, generation = 1): Plane {
    const process = { name: `plane ${number}.${generation}`, isAlive: true, skew: this.#random.between(-20, 20) * SECOND };
    return { process, ports: this.#world.portsOf(process), due: new Map() };
  }

  #restartLater(process: Process): void {
    const index = this.#planes.findIndex((plane) => plane.process === process);
    const [, number, generation] = /(\d+)\.(\d+)/.exec(process.name) ?? [];
    const isLong = this.#random.chance(0.1);
    this.#scheduler.after(isLong ? HOUR : this.#random.between(1, 30) * SECOND, () => {
      const plane = this.#open(Number(number), Number(generation) + 1);
      this.#planes[index] = plane;
      this.#scheduler.say(() => `${plane.process.name} starts`);
      this.#spawn(plane, 'take up', async (ports) => this.#takeUp(plane, ports));
      this.#sweep(plane);
    });
  }

  /** As a home does when it starts: what was left at work keeps its slots, then every run is looked at. */
  async #takeUp(plane: Plane, ports: Ports): Promise<void> {
    for (const { id } of await ports.runs.unfinished()) {
      const view = await ports.runs.get(id);
      const attempt = view?.run.attempt;
      if (attempt && attempt.endedAt === null)
        await ports.compute.of('local').observe(`${id}-${String(attempt.number).padStart(4, '0')}`, attempt.handle);
    }
    for (const { id } of await ports.runs.unfinished()) this.#lookAt(plane, id, 0);
  }

  #sweep(plane: Plane): void {
    if (!plane.process.isAlive) return;
    this.#spawn(plane, 'sweep', async (ports) => {
      for (const { id } of await ports.runs.unfinished()) if (!plane.due.has(id)) this.#lookAt(plane, id, 0);
      await deliverEvents(ports);
    });
    this.#scheduler.after(SWEEP_MILLIS, () => this.#sweep(plane));
  }

  #nudge(process: Process, runId: string): void {
    const plane = this.#planes.find((candidate) => candidate.process === process);
    if (plane) this.#wake(plane, runId);
  }

  /** A trainer's file rings at some plane, perhaps twice, perhaps late, perhaps not at all. */
  #notify(runId: string): void {
    for (const plane of this.#planes) if (this.#random.chance(0.5)) this.#wake(plane, runId);
  }

  #wake(plane: Plane, runId: string): void {
    if (!this.#isPeace && this.#random.chance(this.#nudgeLoss)) return;
    this.#lookAt(plane, runId, this.#random.pick([0, 0, 100, 20 * SECOND]));
    if (!this.#isPeace && this.#random.chance(0.1)) this.#advance(plane, runId); // doubled: two at once for one run
  }

  #lookAt(plane: Plane, runId: string, millis: number): void {
    const at = this.#scheduler.now + millis;
    const before = plane.due.get(runId);
    if (before !== undefined && before <= at) return;
    plane.due.set(runId, at);
    this.#scheduler.at(at, () => {
      if (plane.due.get(runId) !== at) return;
      plane.due.delete(runId);
      this.#advance(plane, runId);
    });
  }

  #advance(plane: Plane, runId: string): void {
    this.#spawn(plane, `advance ${runId}`, async (ports) => {
      try {
        const { phase, waitSeconds } = await advanceRun(ports, runId);
        if (phase !== 'done') this.#lookAt(plane, runId, waitSeconds * SECOND);
      } catch (error) {
        this.#lookAt(plane, runId, 2 * SECOND); // a fault of the plane: the pacer comes again
        throw error;
      }
      await deliverEvents(ports);
    });
  }

  /** Lets a plane do something. Faults of the world and refusals are part of life; all else is a fault of ours. */
  #spawn(plane: Plane, what: string, work: (ports: Ports) => Promise<void>): void {
    if (!plane.process.isAlive) return;
    work(plane.ports).catch((error) => {
      if (error instanceof SimulatedFault || error instanceof VersionConflict || error instanceof DomainError) {
        this.#scheduler.say(() => `${plane.process.name} gave up ${what}: ${error.message}`);
      } else this.#broken ??= error;
    });
  }

  // Users

  #ask(what: string, work: (ports: Ports) => Promise<void>): void {
    const plane = this.#random.takeFrom([...this.#planes]);
    this.#spawn(plane, what, work);
  }

  async #create(ports: Ports): Promise<void> {
    const random = this.#random;
    const steps = random.between(1, 60);
    const script: Script = {
      steps,
      saveEvery: random.pick([4, 10, 100]),
      fails: random.chance(0.2) ? { step: random.between(0, steps), code: random.pick(['engine_crashed', 'diverged', 'stalled']) } : null,
    };
    const isSubmitted = random.chance(0.8);
    const maxRuntimeSeconds = random.chance(0.1) ? 30 : 14 * 24 * 3_600;
    const { runs } = ports;
    // The user's script is known before the run is stored: a reply that is lost leaves a run that must be trained all the same.
    const known: Ports = {
      ...ports,
      runs: {
        ...runs,
        create: (run, ...rest) => {
          this.#scripts.set(run.id, script);
          return runs.create(run, ...rest);
        },
      },
    };
    const { run } = await createRun(known, {
      api: 'sft',
      plan: { training: aTraining(), compute: aComputeNeed(), maxRuntimeSeconds, choices: [] },
      request: {},
      name: null,
      projectId: 'proj_default',
      provider: null,
      outputDir: null,
      submit: isSubmitted,
    });
    this.#misuse(run.id);
  }

  /** What a user may do with a run, at any time, whether it makes sense or not. */
  #misuse(runId: string): void {
    const random = this.#random;
    const actions = random.between(0, 4);
    for (let number = 0; number < actions; number++) {
      const [what, act] = random.pick<readonly [string, (ports: Ports, runId: string) => Promise<unknown>]>([
        ['stop', stopRun],
        ['pause', pauseRun],
        ['resume', resumeRun],
        ['resume', resumeRun],
        ['submit', (ports, id) => submitRun(ports, id, 'local')],
      ]);
      this.#scheduler.after(random.between(0, 20 * MINUTE), () =>
        this.#ask(`${what} ${runId}`, async (ports) => void (await act(ports, runId))),
      );
    }
  }

  // The end

  #makePeace(): void {
    this.#isPeace = true;
    this.#scheduler.chances = { crash: 0, fault: 0 };
    this.#world.scarcity = 0;
    this.#world.machines.faults = { dies: 0, hangs: 0, isTaken: 0, isZombie: 0 };
    this.#scheduler.say(() => 'peace');
    this.#scheduler.after(2 * HOUR, () => this.#finishWhatWaitsForItsUser()); // by then every plane is back
  }

  /** Runs that wait for their user would wait for ever. */
  #finishWhatWaitsForItsUser(): void {
    for (const { run } of this.#world.store.runs.values()) {
      if (run.state === 'created') this.#ask('submit', async (ports) => void (await submitRun(ports, run.id, 'local')));
      else if (run.state === 'paused' && run.want === 'pause') this.#ask('resume', async (ports) => void (await resumeRun(ports, run.id)));
    }
    if (!this.#isOver()) this.#scheduler.after(HOUR, () => this.#finishWhatWaitsForItsUser());
  }

  #isOver(): boolean {
    const { store } = this.#world;
    return (
      [...store.runs.values()].every(({ run }) => isFinal(run.state)) &&
      store.delivered === store.events.length &&
      this.#world.machinesAtWork().length === 0
    );
  }

  #judge(): void {
    const { store, machines } = this.#world;
    for (const { run } of store.runs.values()) {
      if (!isFinal(run.state))
        throw new Violation(
          `${run.id} is still ${run.state}, waiting for ${run.waiting?.code ?? 'nothing'}, attempt ${run.attempt?.number}`,
        );
      if (run.completedAt === null) throw new Violation(`${run.id} is ${run.state} and has no end`);
      const script = this.#scripts.get(run.id);
      if (script) this.#judgeRun(run.id, script);
    }
    store.checkAllHandedOver();
    const left = machines.all.filter(isThere);
    if (left.length > 0) throw new Violation(`machine ${left[0]?.id} of ${left[0]?.tag} is left`);
  }

  #judgeRun(runId: string, script: Script): void {
    const run = this.#world.run(runId);
    const givenUp = run.pastAttempts.filter(({ outcome }) => outcome === 'lost').length;
    const lost = this.#world.machines.lost.get(runId) ?? 0;
    if (givenUp > lost) throw new Violation(`${givenUp} attempts of ${runId} were given up as lost, and ${lost} machines were`);
    const isScripted = script.fails !== null && run.failure?.code === script.fails.code;
    if (run.state === 'completed') {
      if (script.fails) throw new Violation(`${runId} is completed, and its input is bad`);
      const key = `${run.folder}/artifacts/${runId}/adapter/adapter_model.safetensors`;
      if (this.#world.files.get(key) !== weightsAt(runId, script.steps))
        throw new Violation(`${runId} is completed with ${this.#world.files.get(key)}`);
    } else if (run.state === 'failed' && !isScripted) {
      // Three attempts in a row without a new checkpoint may end a run; a fault of the plane may not.
      const fruitless = run.pastAttempts.filter(({ outcome }) => outcome === 'lost' || outcome === 'failed').length;
      if (fruitless < 3 || (run.failure?.code !== 'supervisor_lost' && run.failure?.code !== 'interrupted'))
        throw new Violation(`${runId} failed with ${run.failure?.code} (${run.failure?.message}) after ${fruitless} fruitless attempts`);
    } else if (run.state === 'stopped' && run.stopRequestedAt === null) throw new Violation(`${runId} is stopped, and nobody asked`);
  }
}
