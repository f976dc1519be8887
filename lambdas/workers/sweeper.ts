/**
 * Once a minute: what should have happened by itself and did not. With all well it finds nothing, at the cost of a handful of reads.
 *
 *   runs that are live and have no execution     the next generation of theirs is started
 *   jobs whose change nobody told                asked for, a hundred in a call; their runs are rung
 *   rented machines that nobody wants            ended
 *   live runs on machines that tell nobody       rung: a machine of one's own, or a rented one, goes without a word
 *   events that were not published               published
 *   WebSockets that were silent for 8 minutes    told the status again
 *   deletions that were cut off                  finished
 *   the built-in project of a new plane          made
 *
 * An execution that was stopped, timed out or deleted is not a cancel: its run goes on with the next generation within two sweeps, and its
 * job never stopped. Step Functions says of an execution that has just begun that it is not there; to start it once more does nothing.
 */
import type { RunState } from '#domain/run-lifecycle.ts';
import { type Log, logToStderr } from '#http/exchange.ts';
import { finishDeletions } from '#operations/delete-run.ts';
import { deliverEvents } from '#operations/deliver-events.ts';
import { seedDefaultProject } from '#operations/projects.ts';
import { reapMachines } from '#operations/reap-machines.ts';
import type { Ports } from '#ports/ports.ts';

export interface Executions {
  /** runs whose workflow is at work; may lag */
  running(): Promise<ReadonlySet<string>>;
  /** Sees to it that one is there. */
  ensure(runId: string): Promise<void>;
}

export interface SweeperOptions {
  readonly executions: Executions;
  /** asks providers for machines whose changes were not told @returns runs that are to be looked at */
  readonly refreshMachines: () => Promise<readonly string[]>;
  readonly repeatStatus: () => Promise<void>;
  /** providers whose machines go without anybody being told */
  readonly untold?: readonly string[];
  readonly log?: Log;
}

export interface SweepReport {
  readonly live: number;
  readonly started: number;
  readonly rung: number;
  readonly published: number;
}

/** The rest comes in a minute. */
const MAX_STARTED = 500;
const AT_ONCE = 10;
/** Of each provider; a run that is not among them is looked at by its own clock, ten minutes later at most. */
const MAX_UNTOLD = 500;
const ON_A_MACHINE = ['initializing', 'running', 'stopping'] as const satisfies readonly RunState[];

export function createHandler(
  ports: Ports,
  { executions, refreshMachines, repeatStatus, untold = [], log = logToStderr }: SweeperOptions,
): () => Promise<SweepReport> {
  async function startMissing(): Promise<{ live: number; started: number }> {
    const live = (await ports.runs.unfinished()).filter(({ state }) => state !== 'created');
    if (live.length === 0) return { live: 0, started: 0 };
    const running = await executions.running();
    const missing = live.filter(({ id }) => !running.has(id)).slice(0, MAX_STARTED);
    for (let start = 0; start < missing.length; start += AT_ONCE)
      await Promise.all(missing.slice(start, start + AT_ONCE).map(({ id }) => executions.ensure(id)));
    return { live: live.length, started: missing.length };
  }

  async function ring(runIds: readonly string[]): Promise<number> {
    const each = [...new Set(runIds)];
    for (const runId of each) await ports.workflow.nudge(runId);
    return each.length;
  }

  /** A provider that does not answer is a fault of the sweep's; the others were swept. */
  async function reap(): Promise<void> {
    const { reaped, faults } = await reapMachines(ports);
    for (const machine of reaped) log({ level: 'info', event: 'machine-ended', ...machine });
    if (faults.length > 0)
      throw new AggregateError(
        faults.map(({ error }) => error),
        `not swept: ${faults.map(({ provider }) => provider).join(', ')}`,
      );
  }

  async function findUntold(): Promise<string[]> {
    const pages = await Promise.all(untold.map((provider) => ports.runs.list({ provider, state: ON_A_MACHINE }, MAX_UNTOLD)));
    return pages.flat().map(({ run }) => run.id);
  }

  return async () => {
    const faults: unknown[] = [];
    /** One part that fails does not keep the others from their work. */
    const attempt = async <Result>(part: () => Promise<Result>, otherwise: Result): Promise<Result> => {
      try {
        return await part();
      } catch (error) {
        faults.push(error);
        return otherwise;
      }
    };
    const { live, started } = await attempt(startMissing, { live: 0, started: 0 });
    const rung = await attempt(async () => ring(await refreshMachines()), 0);
    await attempt(reap, undefined);
    await attempt(async () => ring(await findUntold()), 0);
    const published = await attempt(() => deliverEvents(ports), 0);
    await attempt(repeatStatus, undefined);
    await attempt(() => finishDeletions(ports), undefined);
    await attempt(() => seedDefaultProject(ports), undefined);
    const report: SweepReport = { live, started, rung, published };
    log({ level: 'info', event: 'swept', ...report });
    if (faults.length > 0) throw new AggregateError(faults, `${faults.length} parts of the sweep failed`);
    return report;
  };
}
