/** Room on this machine: so many runs at once, and so many GPUs, given to the oldest tag first (tags sort by age). */
import type { ComputeNeed } from '#domain/run.ts';
import type { Reservation } from '#ports/compute.ts';

export interface MachineRoom {
  readonly maxRuns: number;
  /** indices as CUDA counts them */
  readonly gpus: readonly number[];
}

export class WaitingLine {
  readonly #room: MachineRoom;
  readonly #held = new Map<string, readonly number[]>();
  readonly #waiting = new Set<string>();

  constructor(room: MachineRoom) {
    this.#room = room;
  }

  /** GPUs held under this tag; undefined where it holds no slot. */
  held(tag: string): readonly number[] | undefined {
    return this.#held.get(tag);
  }

  /** Who holds a slot, with its GPUs, and who waits, the oldest first. */
  overview(): { readonly held: ReadonlyMap<string, readonly number[]>; readonly waiting: readonly string[] } {
    return { held: this.#held, waiting: [...this.#waiting].sort() };
  }

  reserve(tag: string, need: ComputeNeed): Reservation {
    if (this.#held.has(tag)) return { kind: 'reserved' };
    const { maxRuns, gpus } = this.#room;
    const impossible = this.#impossible(need);
    if (impossible) return { kind: 'impossible', failure: { code: 'no_compute', message: impossible } };
    this.#waiting.add(tag);
    if (this.#held.size >= maxRuns) {
      const sentence = maxRuns === 0 ? 'this plane accepts runs and starts none' : `all ${maxRuns} slots are taken by older runs`;
      return {
        kind: 'no-capacity',
        waiting: { code: 'slot', sentence, remedy: 'it starts by itself when a slot is free; TUNEPLANE_MAX_RUNS sets how many there are' },
      };
    }
    if (this.#oldest() !== tag)
      return {
        kind: 'no-capacity',
        waiting: { code: 'slot', sentence: 'older runs go first', remedy: 'it starts by itself when its turn has come' },
      };
    const wanted = need.gpusPerNode ?? Math.min(1, gpus.length);
    const free = gpus.filter((gpu) => ![...this.#held.values()].some((taken) => taken.includes(gpu)));
    if (free.length < wanted) {
      return {
        kind: 'no-capacity',
        waiting: {
          code: 'gpu',
          sentence: `waits for ${wanted} of ${gpus.length} GPUs; ${free.length} are free`,
          remedy: 'it starts by itself when they are free',
        },
      };
    }
    this.#waiting.delete(tag);
    this.#held.set(tag, free.slice(0, wanted));
    return { kind: 'reserved' };
  }

  /** An attempt found at work keeps what it has, even where that is more than there should be. */
  adopt(tag: string, gpus: readonly number[]): void {
    this.#waiting.delete(tag);
    if (!this.#held.has(tag)) this.#held.set(tag, gpus);
  }

  /** @returns whose turn it is now, if anybody waits */
  release(tag: string): string | null {
    this.#waiting.delete(tag);
    this.#held.delete(tag);
    return this.#held.size < this.#room.maxRuns ? this.#oldest() : null;
  }

  /** The next in line, after somebody got a place and there may be another. */
  next(): string | null {
    return this.#held.size < this.#room.maxRuns ? this.#oldest() : null;
  }

  #oldest(): string | null {
    let oldest: string | null = null;
    for (const tag of this.#waiting) if (oldest === null || tag < oldest) oldest = tag;
    return oldest;
  }

  #impossible({ nodes, gpusPerNode, gpuType }: ComputeNeed): string | null {
    const { gpus } = this.#room;
    if (nodes > 1) return `${nodes} nodes were asked for; this machine is one`;
    if ((gpusPerNode ?? 0) > gpus.length) return `${gpusPerNode} GPUs were asked for; this machine has ${gpus.length}`;
    if (gpuType !== null && gpus.length === 0) return `a ${gpuType} was asked for; this machine has no GPU`;
    return null;
  }
}
