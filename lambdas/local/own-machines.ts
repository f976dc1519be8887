/**
 * The provider `local` of the one-machine home: this machine first, and beside it the workers that come. A run that this machine has no
 * room for, or could never train, goes to a worker that fits. One that wants more memory than a small model needs waits for a worker with
 * a GPU rather than crawl on this machine's processor, where there is such a worker.
 */
import type { WorkerCompute } from '#compute/worker-compute.ts';
import type { ComputeHandle, Run } from '#domain/run.ts';
import { estimateMemory } from '#domain/training-memory.ts';
import type { Compute, Launch, LaunchOrder, Machine, Observation, Reservation } from '#ports/compute.ts';
import type { WorkerPool } from '#ports/worker-pool.ts';

/** What a processor trains in minutes: below it a model has some hundred million parameters. */
const SMALL_GB = 4;

export interface OwnMachinesOptions {
  readonly here: Compute;
  readonly workers: WorkerCompute;
  readonly hasGpu: boolean;
  /** how many runs this machine takes at once */
  readonly maxRuns: number;
}

export class OwnMachines implements Compute {
  readonly heartbeat = 'answers';
  readonly #here: Compute;
  readonly #workers: WorkerCompute;
  readonly #hasGpu: boolean;
  readonly #maxRuns: number;
  /** Workers come through this process alone: until one did, nobody asks the store for them, but where nobody else trains. */
  #hasWorkers: boolean;

  constructor({ here, workers, hasGpu, maxRuns }: OwnMachinesOptions) {
    this.#here = here;
    this.#workers = workers;
    this.#hasGpu = hasGpu;
    this.#maxRuns = maxRuns;
    this.#hasWorkers = maxRuns === 0;
  }

  readonly pool: WorkerPool = {
    look: async (name, report) => {
      const orders = await this.#workers.look(name, report);
      if (this.#hasWorkers) return orders;
      // The first that ever came: who waits for this machine alone may wait for a worker too from now on.
      this.#hasWorkers = true;
      const [machine] = await this.#here.machines();
      return { ...orders, news: [...new Set([...orders.news, ...(machine?.waiting ?? [])])] };
    },
  };

  /** After a start: those that came before. */
  async takeUp(): Promise<void> {
    this.#hasWorkers ||= await this.#workers.hasWorkers();
  }

  async machines(): Promise<readonly Machine[]> {
    return [...(await this.#here.machines()), ...(this.#hasWorkers ? await this.#workers.machines() : [])];
  }

  async reserve(tag: string, run: Run): Promise<Reservation> {
    if (!this.#hasWorkers) return this.#here.reserve(tag, run);
    if (await this.#workers.holds(tag)) return { kind: 'reserved' };
    if (await this.#wantsWorker(run)) {
      const reservation = await this.#workers.reserve(tag, run);
      if (reservation.kind === 'reserved') await this.#here.release(tag); // it may have waited here before that worker came
      return reservation;
    }
    const own = await this.#here.reserve(tag, run);
    if (own.kind === 'reserved') {
      await this.#workers.leaveLine(tag);
      return own;
    }
    const other = await this.#workers.reserve(tag, run);
    if (other.kind === 'reserved') await this.#here.release(tag);
    // It waits in both lines, and says what this machine lacks; where this one will never do, a worker is all that can help.
    return other.kind === 'reserved' || (own.kind === 'impossible' && other.kind === 'no-capacity') ? other : own;
  }

  async launch(order: LaunchOrder): Promise<Launch> {
    return (await this.#isAtWorker(order.tag, null)) ? this.#workers.launch(order) : this.#here.launch(order);
  }

  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    return (await this.#isAtWorker(tag, handle)) ? this.#workers.observe(tag, handle) : this.#here.observe(tag, handle);
  }

  async terminate(tag: string, handle: ComputeHandle | null): Promise<void> {
    return (await this.#isAtWorker(tag, handle)) ? this.#workers.terminate(tag) : this.#here.terminate(tag, handle);
  }

  async release(tag: string): Promise<void> {
    await this.#here.release(tag);
    if (this.#hasWorkers) await this.#workers.release(tag);
  }

  async #isAtWorker(tag: string, handle: ComputeHandle | null): Promise<boolean> {
    if (handle !== null) return handle['worker'] !== undefined;
    return this.#hasWorkers && (await this.#workers.holds(tag));
  }

  async #wantsWorker(run: Run): Promise<boolean> {
    if (this.#maxRuns === 0) return true;
    if (this.#hasGpu || run.compute.gpusPerNode === 0 || estimateMemory(run.training).gigabytes <= SMALL_GB) return false;
    return this.#workers.hasGpuFor(run);
  }
}
