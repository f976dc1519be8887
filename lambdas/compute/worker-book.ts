/**
 * What the plane knows of its workers: one document each, with what it said last and the attempts that it was given. All that is decided
 * about one worker is one conditional write, so that many processes may decide at once.
 *
 *   lease:  reserved -> ordered -> taken -> over        given back by release, whatever it was
 *
 * `taken`: the worker was seen with it. `over`: it was taken, and the worker has it no more.
 */
import * as z from 'zod';
import { type Place, type WorkerReport, workerReportSchema } from '#domain/worker.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import { NameTaken, VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';

const WORKERS = 'workers';
const MAX_WORKERS = 1_000;
/** A conflict is somebody else's decision about the same worker: a second later there is none. */
const MAX_TRIES = 20;

const leaseSchema = z.object({
  tag: z.string(),
  gpus: z.array(z.int()),
  isOrdered: z.boolean(),
  isTaken: z.boolean(),
  isAlive: z.boolean(),
  isEnding: z.boolean(),
  isOver: z.boolean(),
});
export type Lease = z.infer<typeof leaseSchema>;

const workerSchema = z.object({
  version: z.int(),
  report: workerReportSchema,
  /** milliseconds since 1970 */
  seenAt: z.number(),
  leases: z.array(leaseSchema),
});
type Stored = z.infer<typeof workerSchema>;
export type Worker = Stored & { readonly name: string };

export class WorkerBook {
  readonly #documents: DocumentStore;
  readonly #clock: Clock;

  constructor({ documents, clock }: { readonly documents: DocumentStore; readonly clock: Clock }) {
    this.#documents = documents;
    this.#clock = clock;
  }

  /** All that ever worked here, by name. */
  async all(): Promise<Worker[]> {
    const rows = await this.#documents.list(WORKERS, MAX_WORKERS);
    return rows.map(({ id, value }) => ({ name: id, ...workerSchema.parse(value) })).toReversed();
  }

  /** Who has a lease on the attempt. @param at the worker that has it, where that is known: no other is looked at */
  async holdersOf(tag: string, at?: string): Promise<{ worker: Worker; lease: Lease }[]> {
    const workers = at === undefined ? await this.all() : await this.#named(at);
    return workers.flatMap((worker) => worker.leases.filter((lease) => lease.tag === tag).map((lease) => ({ worker, lease })));
  }

  async #named(name: string): Promise<Worker[]> {
    const value = await this.#documents.get(WORKERS, name);
    return value === null ? [] : [{ name, ...workerSchema.parse(value) }];
  }

  /**
   * A worker spoke.
   * @param freshMillis how long a name is its machine's alone after it spoke
   * @returns the worker as it is now, and the attempts of which something became known
   * @throws NameTaken where another machine works under this name
   */
  async heard(name: string, report: WorkerReport, freshMillis: number): Promise<{ worker: Worker; news: string[] }> {
    const now = this.#clock.now();
    const known = await this.#documents.get(WORKERS, name);
    if (known === null) {
      await this.#documents.put(WORKERS, name, { version: 0, report, seenAt: now, leases: [] });
      return { worker: { name, version: 0, report, seenAt: now, leases: [] }, news: [] };
    }
    const news: string[] = [];
    const worker = await this.change(name, (before) => {
      news.length = 0;
      if (before.report.instance !== report.instance && now - before.seenAt < freshMillis) throw new NameTaken(name);
      const held = new Map(report.holding.map(({ attempt, isAlive }) => [attempt, isAlive]));
      const leases = before.leases.map((lease) => {
        const isHeld = held.has(lease.tag);
        const after = {
          ...lease,
          isTaken: lease.isTaken || isHeld,
          isAlive: held.get(lease.tag) ?? false,
          // One that was ordered and is to end was not begun, or is over: the worker begins nothing that it was not told in its last answer.
          isOver: lease.isOver || (!isHeld && (lease.isTaken || lease.isEnding)),
        };
        if (after.isOver !== lease.isOver || after.isTaken !== lease.isTaken) news.push(lease.tag);
        return after;
      });
      return { ...before, report, seenAt: now, leases };
    });
    return { worker: worker ?? { name, version: 0, report, seenAt: now, leases: [] }, news };
  }

  /** @param change gives null where nothing is to be written. @returns the worker as it is now; null where there is none of that name */
  async change(name: string, change: (before: Stored) => Omit<Stored, 'version'> | null): Promise<Worker | null> {
    for (let tries = 1; ; tries++) {
      const value = await this.#documents.get(WORKERS, name);
      if (value === null) return null;
      const before = workerSchema.parse(value);
      const changed = change(before);
      if (changed === null) return { name, ...before };
      const after = { ...changed, version: before.version + 1 };
      try {
        await this.#documents.change(WORKERS, name, after, before.version);
        return { name, ...after };
      } catch (error) {
        if (!(error instanceof VersionConflict) || tries >= MAX_TRIES) throw error;
      }
    }
  }

  /** Changes one lease, wherever it is. @returns false where there is none */
  async changeLease(tag: string, change: (lease: Lease) => Lease | null): Promise<boolean> {
    let isThere = false;
    for (const { worker } of await this.holdersOf(tag)) {
      await this.change(worker.name, (before) => {
        if (!before.leases.some((lease) => lease.tag === tag)) return null;
        isThere = true;
        const leases = before.leases.flatMap((lease) => {
          const after = lease.tag === tag ? change(lease) : lease;
          return after === null ? [] : [after];
        });
        return { ...before, leases };
      });
    }
    return isThere;
  }
}

/** As the choice of a worker sees it. */
export const toPlace = ({ name, report, leases }: Worker): Place => ({
  name,
  report,
  held: leases.filter(({ isOver }) => !isOver).map(({ gpus }) => gpus),
});
