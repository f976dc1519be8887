/**
 * Workers as a compute: machines of the user's own that ask for work (`tuneplane worker`). The plane reaches none of them; all that is
 * decided waits for a worker's next look, which comes every few seconds.
 *
 *   reserve -> a lease with GPUs in the worker's document
 *   launch  -> the lease is ordered: the next look says `start`, again at each look until the worker has it
 *   observe -> what the worker said of it last
 *   end     -> the next look says `end`; over when the worker has it no more
 *
 * A worker that is silent for `awayMillis` is no longer waited for. Its attempt is superseded in the run folder before the next one is
 * launched, its claim opens nothing more, and when it comes back with the attempt it is told to end it
 * (docs/decisions/2026-11-25-lost-workers.md).
 */
import type { ComputeHandle, Run } from '#domain/run.ts';
import { estimateMemory } from '#domain/training-memory.ts';
import { assign, baseInCache, findRoom, frameworkOf, type WorkerNeed, type WorkerReport, whyUnfit } from '#domain/worker.ts';
import {
  type Compute,
  type Launch,
  type LaunchOrder,
  type Machine,
  type Observation,
  type Reason,
  type Reservation,
  StillEnding,
} from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { WorkerOrders, WorkerPool } from '#ports/worker-pool.ts';
import type { Clock } from '#ports/workflow.ts';
import { WaitingRuns } from './waiting-runs.ts';
import { type Lease, toPlace, type Worker, WorkerBook } from './worker-book.ts';

export interface WorkerComputeOptions {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  /** whether a run lies where only machines that share the plane's folders can read it */
  readonly isOnPlane: (run: Run) => boolean;
  /** how often a worker asks */
  readonly lookSeconds: number;
  /** a file by which a worker knows that it sees the plane's folders; null: nobody does */
  readonly mark: WorkerOrders['mark'];
}

/** A worker that did not speak for so long gets nothing, and what it has is not answered for. */
const FRESH_MILLIS = 30_000;
/** It is not waited for any longer: a restart of its program or its network takes less. */
const AWAY_MILLIS = 120_000;
/** One that did not come for a day is not shown any more. */
const FORGOTTEN_MILLIS = 24 * 3_600_000;

export class WorkerCompute implements Compute, WorkerPool {
  readonly heartbeat = 'answers';
  readonly pool: WorkerPool = this;
  readonly #options: WorkerComputeOptions;
  readonly #book: WorkerBook;
  readonly #line: WaitingRuns;

  constructor(options: WorkerComputeOptions) {
    this.#options = options;
    this.#book = new WorkerBook(options);
    this.#line = new WaitingRuns(options);
  }

  async machines(): Promise<readonly Machine[]> {
    const now = this.#options.clock.now();
    const [workers, line] = await Promise.all([this.#book.all(), this.#line.all()]);
    return workers
      .filter(({ seenAt }) => now - seenAt < FORGOTTEN_MILLIS)
      .map((worker) =>
        toMachine(
          worker,
          now,
          line.filter(({ need }) => whyUnfit(worker, need) === null).map(({ tag }) => tag),
        ),
      );
  }

  /** Whether any worker came within the last day. */
  async hasWorkers(): Promise<boolean> {
    return (await this.machines()).length > 0;
  }

  /** Whether a worker has, or is to get, this attempt. */
  async holds(tag: string): Promise<boolean> {
    return (await this.#book.holdersOf(tag)).some(({ lease }) => !lease.isOver);
  }

  /** Whether there is a worker with a GPU that could train such a run, if perhaps not now. */
  async hasGpuFor(run: Run): Promise<boolean> {
    const need = this.#needOf(run);
    return (await this.#fresh()).some((worker) => worker.report.gpus.length > 0 && whyUnfit(worker, need) === null);
  }

  /** It found room elsewhere. */
  async leaveLine(tag: string): Promise<void> {
    await this.#line.remove(tag);
  }

  async reserve(tag: string, run: Run): Promise<Reservation> {
    const { nodes } = run.compute;
    if (nodes > 1)
      return { kind: 'impossible', failure: { code: 'no_compute', message: `${nodes} nodes were asked for; each worker trains alone` } };
    if (await this.holds(tag)) return { kind: 'reserved' };
    const need = this.#needOf(run);
    await this.#line.note(tag, need);
    const workers = await this.#fresh();
    const places = workers.map(toPlace);
    // Thousands may wait: their line is read only where there is room to be had.
    const isRoom = places.some((one) => findRoom(one, need) !== null);
    const place = isRoom ? assign(await this.#line.all(), places).find((assigned) => assigned.tag === tag) : undefined;
    if (place === undefined) return { kind: 'no-capacity', waiting: whyItWaits(workers, need) };
    const lease: Lease = { tag, gpus: [...place.gpus], isOrdered: false, isTaken: false, isAlive: false, isEnding: false, isOver: false };
    let isOurs = false;
    await this.#book.change(place.worker, (before) => {
      // Somebody else may have taken the room since it was looked at.
      const isFree = assign([{ tag, need }], [toPlace({ name: place.worker, ...before })])[0]?.gpus.join() === place.gpus.join();
      isOurs = isFree;
      return isFree ? { ...before, leases: [...before.leases.filter((other) => other.tag !== tag), lease] } : null;
    });
    if (!isOurs) return { kind: 'no-capacity', waiting: waitFor('another run was a moment earlier') };
    await this.#line.remove(tag);
    return { kind: 'reserved' };
  }

  async launch({ tag }: LaunchOrder): Promise<Launch> {
    const [holder] = await this.#book.holdersOf(tag);
    if (holder === undefined || holder.lease.isOver)
      return { kind: 'no-capacity', waiting: waitFor('the worker that was to take it is not there any more') };
    await this.#book.changeLease(tag, (lease) => ({ ...lease, isOrdered: true }));
    return { kind: 'launched', handle: this.#toHandle(holder.worker, holder.lease) };
  }

  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    const at = handle?.['worker'];
    const holders = (await this.#book.holdersOf(tag, typeof at === 'string' ? at : undefined)).filter(
      ({ lease }) => lease.isOrdered && !lease.isOver,
    );
    // Of two that were told to start it, the one that has it.
    const holder = holders.find(({ lease }) => lease.isTaken) ?? holders[0];
    if (holder === undefined) return { liveness: 'gone' };
    const { worker, lease } = holder;
    const found = handle === null ? { handle: this.#toHandle(worker, lease) } : {};
    if (this.#options.clock.now() - worker.seenAt > FRESH_MILLIS) return { liveness: 'silent', ...found };
    if (!lease.isTaken) return { liveness: 'alive', waiting: waitFor(`worker ${worker.name} takes it at its next look`), ...found };
    return { liveness: lease.isAlive ? 'alive' : 'silent', ...found };
  }

  async terminate(tag: string): Promise<void> {
    const now = this.#options.clock.now();
    const left: string[] = [];
    for (const { worker, lease } of await this.#book.holdersOf(tag)) {
      if (lease.isOver || !lease.isOrdered || now - worker.seenAt > AWAY_MILLIS) continue;
      if (!lease.isEnding) await this.#book.changeLease(tag, (one) => ({ ...one, isEnding: true }));
      left.push(worker.name);
    }
    if (left.length > 0) throw new StillEnding(`attempt ${tag} on worker ${left.join(', ')}`);
  }

  async release(tag: string): Promise<void> {
    await this.#line.remove(tag);
    await this.#book.changeLease(tag, () => null);
  }

  async look(name: string, report: WorkerReport): Promise<WorkerOrders> {
    const { worker, news } = await this.#book.heard(name, report, FRESH_MILLIS);
    const known = new Map(worker.leases.map((lease) => [lease.tag, lease]));
    const end = report.holding.map(({ attempt }) => attempt).filter((tag) => known.get(tag)?.isEnding ?? true);
    const start = worker.leases.filter((lease) => lease.isOrdered && !lease.isTaken && !lease.isEnding && !lease.isOver);
    const isFull = toPlace(worker).held.length >= report.slots;
    const line = isFull ? [] : await this.#line.all();
    const next = line.length === 0 ? [] : assign(line, (await this.#fresh()).map(toPlace)).filter((assigned) => assigned.worker === name);
    return {
      start: start.map(({ tag, gpus }) => ({ tag, gpus })),
      end,
      news: [...new Set([...news, ...next.map(({ tag }) => tag)])],
      waitSeconds: this.#options.lookSeconds,
      mark: this.#options.mark,
    };
  }

  async #fresh(): Promise<Worker[]> {
    const now = this.#options.clock.now();
    return (await this.#book.all()).filter(({ seenAt }) => now - seenAt <= FRESH_MILLIS);
  }

  #needOf(run: Run): WorkerNeed {
    const { compute, training } = run;
    return {
      compute,
      framework: frameworkOf(training),
      memoryGb: compute.gpuMemoryGb ?? estimateMemory(training).gigabytes,
      isOnPlane: this.#options.isOnPlane(run),
      base: baseInCache(training),
    };
  }

  #toHandle({ name }: Worker, { gpus }: Lease): ComputeHandle {
    return { worker: name, gpus: [...gpus], place: `worker ${name}`, launchedAt: this.#options.clock.now() };
  }
}

/** The line where nothing is there to take a run, and why each worker that is there does not. */
function whyItWaits(workers: readonly Worker[], need: WorkerNeed): Reason {
  if (workers.length === 0) return waitFor('no worker is there', 'start one on a machine of yours: npx tuneplane worker');
  const reasons = workers.map((worker) => ({ name: worker.name, why: whyUnfit(worker, need) }));
  const unfit = reasons.filter(({ why }) => why !== null);
  if (unfit.length === workers.length)
    return waitFor(
      `no worker fits: ${unfit.map(({ name, why }) => `${name}: ${why}`).join('; ')}`,
      'start a worker on a machine that does, or ask for less',
    );
  return waitFor('all workers that fit have their hands full, or older runs go first');
}

const waitFor = (sentence: string, remedy = 'it starts by itself when a worker is free'): Reason => ({ code: 'worker', sentence, remedy });

function toMachine({ name, report, leases, seenAt }: Worker, now: number, waiting: readonly string[]): Machine {
  const holding = leases.filter(({ isOver }) => !isOver);
  return {
    name,
    provider: 'local',
    slots: report.slots,
    busy: holding.map(({ tag }) => tag).sort(),
    waiting,
    gpus: report.gpus.map(({ index, name: model, memoryGb }) => ({
      index,
      name: model,
      memoryGb,
      heldBy: holding.find(({ gpus }) => gpus.includes(index))?.tag ?? null,
    })),
    engines: report.engines,
    memoryGb: report.memoryGb,
    bases: report.bases,
    seenAt,
    isAway: now - seenAt > FRESH_MILLIS,
  };
}
