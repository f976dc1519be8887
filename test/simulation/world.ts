/**
 * A simulated home: planes (processes that serve calls and drive runs), one store, one folder, machines. Every port call of a plane goes
 * through the scheduler, where it may fail, lose its reply or be the last thing that the plane did.
 */
import { createHash } from 'node:crypto';
import type { Run } from '#domain/run.ts';
import { WaitingLine } from '#local/waiting-line.ts';
import type { Compute, Observation, Reason } from '#ports/compute.ts';
import type { RunListener } from '#ports/following.ts';
import type { Ports } from '#ports/ports.ts';
import { memoryMachineTokens } from '../support/memory-machine-tokens.ts';
import { isThere, type Machine, Machines, type Script } from './machines.ts';
import type { Process, Scheduler } from './scheduler.ts';
import { SimulatedStore } from './store.ts';

export interface WorldOptions {
  readonly scheduler: Scheduler;
  /** `answers`: one plane with slots of its own, trainers beside it. `reports`: several planes, machines that are rented */
  readonly heartbeat: Compute['heartbeat'];
  readonly slots: number;
  readonly scripts: ReadonlyMap<string, Script>;
}

const NO_STOCK: Reason = { code: 'capacity', sentence: 'nobody has one', remedy: 'wait' };
const NO_MACHINE_YET: Reason = { code: 'quota', sentence: 'no machine yet', remedy: 'wait' };
const SETTINGS: Ports['settings'] = {
  provider: 'local',
  providers: ['local'],
  defaultBase: 'tiny-llama',
  secrets: [],
  allowedImages: [],
  reportSeconds: 5,
  stallSeconds: 900,
  claimSeconds: 10,
  silenceSeconds: 120,
  startSeconds: 900,
  capacitySeconds: 24 * 3_600,
  publicUrl: null,
};
/** New keys are seen by listings after so long at most. */
const LISTING_LAG_MILLIS = 2_000;

export class World {
  readonly scheduler: Scheduler;
  readonly store = new SimulatedStore();
  readonly files = new Map<string, string>();
  readonly machines: Machines;
  /** share of launches that find no capacity */
  scarcity = 0;
  onNudge: (process: Process, runId: string) => void = () => {};
  readonly #options: WorldOptions;
  readonly #seenAt = new Map<string, number>();
  readonly #lines = new Map<Process, WaitingLine>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.scheduler = options.scheduler;
    const { random } = this.scheduler;
    this.machines = new Machines({
      scheduler: this.scheduler,
      files: this.files,
      scripts: options.scripts,
      faults: { dies: 0, hangs: 0, isTaken: 0, isZombie: 0 },
      bootMillis: () =>
        options.heartbeat === 'answers' ? random.between(500, 5_000) : random.between(5_000, random.chance(0.1) ? 300_000 : 40_000),
    });
  }

  /** The ports as one process of a plane has them. */
  portsOf(process: Process): Ports {
    const { scheduler, store, files } = this;
    const call = <Result>(name: string, effect: () => Result): Promise<Result> => scheduler.call(process, name, effect);
    const clock = { now: () => scheduler.now + process.skew };
    const nudge = async (runId: string): Promise<void> => call('workflow', () => this.onNudge(process, runId));
    const compute = this.#computeOf(process, call);
    return {
      runs: {
        create: (run, events, _, names) => call(`create ${run.id}`, () => store.create(run, events, names)),
        get: (id) => call('runs.get', () => store.runs.get(id) ?? null),
        findByName: (name) => call('runs.findByName', () => store.findByName(name)),
        change: (run, expected, events) => call(`change to ${run.state} v${run.version}`, () => store.change(run, expected, events)),
        remove: () => call('runs.remove', () => {}),
        recordProgress: (id, progress) => call(`progress ${progress.step}`, () => store.recordProgress(id, progress)),
        list: () => call('runs.list', () => [...store.runs.values()]),
        count: () => call('runs.count', () => store.runs.size),
        unfinished: () => call('runs.unfinished', () => store.unfinished()),
        events: (id, after, limit) =>
          call('runs.events', () => store.events.filter(({ runId, sequence }) => runId === id && sequence > after).slice(0, limit)),
        undelivered: (limit) => call('runs.undelivered', () => store.events.slice(store.delivered, store.delivered + limit)),
        markDelivered: (events) => call('runs.markDelivered', () => store.markDelivered(events)),
      },
      documents: {
        put: (collection, id, value) => call('documents.put', () => void store.documents.set(`${collection}/${id}`, { ...value })),
        change: () => call('documents.change', () => {}),
        get: (collection, id) => call('documents.get', () => store.documents.get(`${collection}/${id}`) ?? null),
        list: () => call('documents.list', () => []),
        take: () => call('documents.take', () => null),
        expire: async () => {},
      },
      answers: { find: async () => null, begin: async () => true, finish: async () => {}, forget: async () => {}, expire: async () => {} },
      machineTokens: memoryMachineTokens,
      storageGrants: { for: async () => null },
      artifacts: {
        locate: (key) => `/${key}`,
        put: (key, content) => call(`put ${key.split('/').at(-1)}`, () => void files.set(key, content)),
        putIfAbsent: (key, content) =>
          call(`putIfAbsent ${key.split('/').at(-1)}`, () => {
            if (files.has(key)) return false;
            files.set(key, content);
            return true;
          }),
        get: (key) => call('artifacts.get', () => files.get(key) ?? null),
        list: (prefix) => call('artifacts.list', () => this.#list(prefix)),
        removeFolder: (prefix) => call('removeFolder', () => this.#removeFolder(prefix)),
        remove: (key) => call('remove', () => void files.delete(key)),
        verify: (prefix, stored) =>
          call('verify', () => {
            const bad = stored.find(({ path, sha256 }) => sha256Of(files.get(prefix + path) ?? '') !== sha256);
            return bad ? `'${bad.path}' differs` : null;
          }),
        placeBase: async (base) => ({ key: base, note: null }),
        publish: (prefix) => call('publish', () => prefix),
      },
      inputs: {
        pin: (dataset) => call('pin', () => ({ dataset })),
        locateModel: async (path) => ({ path }),
        readText: async () => ({ problem: 'none here' }),
      },
      downloads: { link: async (key) => `/files/${key}` },
      contents: {
        put: async () => ({ sha256: '', sizeBytes: 0 }),
        get: async () => null,
        getStart: async () => null,
        openUpload: async () => ({ url: '', method: 'PUT', headers: {}, expiresAt: '' }),
      },
      secrets: { seal: async () => '', open: async () => ({}), read: async () => '' },
      compute: { of: () => compute, all: () => [compute] },
      workflow: { start: nudge, nudge },
      sink: { deliver: (events) => call(`deliver ${events.length} events`, () => store.deliver(events)) },
      bell: { listen: () => SILENCE, isFollowed: async () => false },
      logIndex: { add: () => call('logIndex.add', () => {}), lastBefore: async () => null, removeAll: async () => {} },
      clock,
      settings: SETTINGS,
    };
  }

  #computeOf(process: Process, call: <Result>(name: string, effect: () => Result) => Promise<Result>): Compute {
    const { heartbeat, slots } = this.#options;
    const { random } = this.scheduler;
    // A plane with slots of its own forgets who holds them when it dies, and learns it again from those that it observes.
    const line = this.#lines.get(process) ?? new WaitingLine({ maxRuns: slots, gpus: [] });
    this.#lines.set(process, line);
    const isLocal = heartbeat === 'answers';
    const wake = (tag: string | null): void => {
      if (tag !== null) this.onNudge(process, tag.slice(0, tag.lastIndexOf('-')));
    };
    return {
      heartbeat,
      machines: async () => [],
      reserve: (tag, run) =>
        call('reserve', () => {
          if (!isLocal) return { kind: 'reserved' };
          const reservation = line.reserve(tag, run.compute);
          if (reservation.kind === 'reserved') wake(line.next());
          return reservation;
        }),
      launch: ({ tag, run, attempt, folder }) =>
        call(`launch ${tag}`, () => {
          const found = this.machines.of(tag)[0];
          if (found && !isLocal) return { kind: 'launched', handle: { machine: found.id } };
          if (!isLocal && random.chance(this.scarcity)) return { kind: 'no-capacity', waiting: NO_STOCK, refusals: ['sold out'] };
          return { kind: 'launched', handle: { machine: this.machines.start(tag, run.id, attempt, folder.slice(1)).id } };
        }),
      observe: (tag) =>
        call('observe', () => {
          const observation = this.#observe(tag);
          if (isLocal && observation.liveness !== 'gone') line.adopt(tag, []);
          return observation;
        }),
      terminate: (tag) => call(`terminate ${tag}`, () => this.machines.terminate(tag)),
      release: (tag) => call('release', () => (isLocal ? wake(line.release(tag)) : undefined)),
    };
  }

  #observe(tag: string): Observation {
    const there = this.machines.of(tag);
    const machine = there.find(({ state }) => state === 'training') ?? there[0];
    if (machine === undefined) return this.#ending(tag);
    const handle = { machine: machine.id };
    if (this.#options.heartbeat === 'answers') return { liveness: machine.state === 'hanging' ? 'silent' : 'alive', handle };
    return machine.state === 'booting' && machine.id % 3 === 0
      ? { liveness: 'alive', waiting: NO_MACHINE_YET, handle }
      : { liveness: 'alive', handle };
  }

  #ending(tag: string): Observation {
    const taken = this.machines.all.some((machine: Machine) => machine.tag === tag && machine.isTaken);
    return taken ? { liveness: 'gone', ending: { code: 'interrupted', message: 'its owner took it away' } } : { liveness: 'gone' };
  }

  #list(prefix: string): string[] {
    const { now, random } = this.scheduler;
    const isLagging = this.#options.heartbeat === 'reports' && random.chance(0.2);
    return [...this.files.keys()].filter((key) => {
      if (!key.startsWith(prefix)) return false;
      const seenAt = this.#seenAt.get(key) ?? now;
      this.#seenAt.set(key, seenAt);
      return !isLagging || now - seenAt > LISTING_LAG_MILLIS;
    });
  }

  #removeFolder(prefix: string): void {
    for (const key of [...this.files.keys()]) if (key.startsWith(prefix)) this.files.delete(key);
  }

  machinesAtWork(): Machine[] {
    return this.machines.all.filter(isThere);
  }

  run(id: string): Run {
    const view = this.store.runs.get(id);
    if (!view) throw new Error(`no run ${id}`);
    return view.run;
  }
}

/** Nobody in a simulation waits for a bell. */
const SILENCE: RunListener = { next: async () => false, close: () => {} };

const sha256Of = (content: string): string => createHash('sha256').update(content).digest('hex');
