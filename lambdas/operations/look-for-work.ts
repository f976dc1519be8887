/** A worker's look: it says what it is and has, and hears what to start and to end. It is its sign of life as well. */
import { DomainError } from '#domain/errors.ts';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import type { WorkerReport } from '#domain/worker.ts';
import type { Ports } from '#ports/ports.ts';
import { NameTaken } from '#ports/run-store.ts';
import type { WorkerOrders } from '#ports/worker-pool.ts';

export interface WorkOffered {
  readonly attempt: string;
  readonly runId: string;
  readonly number: number;
  readonly gpus: readonly number[];
  /** good for one claim */
  readonly bootstrapToken: string;
}

export interface WorkAnswer extends Pick<WorkerOrders, 'end' | 'waitSeconds' | 'mark'> {
  readonly start: readonly WorkOffered[];
}

/**
 * @param token the worker's own
 * @throws DomainError `unauthorized`; `name_taken` where another machine works under this name; `transition_refused` where a plane has no use for workers
 */
export async function lookForWork(ports: Ports, name: string, token: string, report: WorkerReport): Promise<WorkAnswer> {
  if ((await ports.machineTokens.subjectOf('worker', token)) !== name)
    throw new DomainError('unauthorized', `the token is not that of worker '${name}'`);
  const orders = await look(ports, name, report);
  for (const runId of new Set(orders.news.map(runIdOfAttempt))) await ports.workflow.nudge(runId);
  const start = orders.start.map(async ({ tag, gpus }) => ({
    attempt: tag,
    runId: runIdOfAttempt(tag),
    number: Number(tag.slice(runIdOfAttempt(tag).length + 1)),
    gpus,
    bootstrapToken: await ports.machineTokens.issue('bootstrap', tag),
  }));
  return { start: await Promise.all(start), end: orders.end, waitSeconds: orders.waitSeconds, mark: orders.mark };
}

async function look({ compute }: Ports, name: string, report: WorkerReport): Promise<WorkerOrders> {
  const pool = compute.all().find((provider) => provider.pool)?.pool;
  if (!pool) throw new DomainError('transition_refused', 'this plane gives no runs to workers');
  try {
    return await pool.look(name, report);
  } catch (error) {
    if (error instanceof NameTaken)
      throw new DomainError(
        'name_taken',
        `another machine works as '${name}': name this one otherwise, or end the other`,
        {},
        { cause: error },
      );
    throw error;
  }
}
