/**
 * The one verb that drives a run: read record and folder, decide by the lifecycle, act, write. Idempotent, and safe under several
 * callers: the loser of a conditional write reads again and decides again. Whoever paces it (the in-process driver, Step
 * Functions) only asks when to come back. A fault of the plane throws out of here and is retried by the pacer; it never ends a run.
 */
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { launchAttempt } from './advance/launch-attempt.ts';
import { type Advance, IDLE_SECONDS } from './advance/pace.ts';
import { pollAttempt } from './advance/poll-attempt.ts';
import { prepareRun } from './advance/prepare-run.ts';

export async function advanceRun(ports: Ports, runId: string): Promise<Advance> {
  const view = await ports.runs.get(runId);
  if (!view) return { phase: 'done', waitSeconds: 0 };
  const { run } = view;
  if (isFinal(run.state)) {
    await giveBack(ports, run);
    return { phase: 'done', waitSeconds: 0 };
  }
  if (run.state === 'created') return { phase: 'prepare', waitSeconds: IDLE_SECONDS };
  if (!run.prepared) return prepareRun(ports, run);
  const open = run.attempt !== null && run.attempt.endedAt === null ? run.attempt : null;
  if (open !== null && open.handle !== null) return pollAttempt(ports, view);
  if (open === null && run.state === 'paused' && run.want !== 'run') {
    await giveBack(ports, run);
    return { phase: 'launch', waitSeconds: IDLE_SECONDS };
  }
  return launchAttempt(ports, view);
}

/** Room is given back after the write that ends an attempt; whoever did not live to do it, or never learned that the write went well, does it here. */
async function giveBack(ports: Ports, { id, provider, attempt }: Run): Promise<void> {
  const number = attempt?.number ?? 0;
  const compute = ports.compute.of(provider);
  if (number > 0) await compute.release(attemptName(id, number));
  await compute.release(attemptName(id, number + 1)); // its place in the line
}
