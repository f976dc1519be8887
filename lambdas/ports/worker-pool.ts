import type { WorkerReport } from '#domain/worker.ts';

/** What a worker is to do. */
export interface WorkerOrders {
  /** attempts to start, those that were told before and are not held among them */
  readonly start: readonly { readonly tag: string; readonly gpus: readonly number[] }[];
  /** attempts to end, without asking */
  readonly end: readonly string[];
  /** attempts about which something became known, or that could start now: their runs are looked at */
  readonly news: readonly string[];
  /** when to come again */
  readonly waitSeconds: number;
  /** a file of the plane's machine and what it holds: who reads the same sees the plane's own folders */
  readonly mark: { readonly path: string; readonly content: string } | null;
}

/** Machines of the user's own, which ask for work. */
export interface WorkerPool {
  /** Takes up what a worker says of itself, and tells it what to do. @throws NameTaken where another machine works under its name */
  look(name: string, report: WorkerReport): Promise<WorkerOrders>;
}
