/**
 * The one verb that drives a run: read record and folder, decide by the lifecycle, act, write. Idempotent, and safe under several
 * callers: the loser of a conditional write reads again and decides again. Whoever paces it (the in-process driver, Step
 * Functions) only asks when to come back. A fault of the plane throws out of here and is retried by the pacer; it never ends a run.
 */
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports';
import { launchAttempt } from './advance/launch-attempt.ts';
import { type Advance, IDLE_SECONDS } from './advance/pace.ts';
import { pollAttempt } from './advance/poll-attempt.ts';
import { prepareRun } from './advance/prepare-run.ts';

export async function advanceRun(ports: Ports, runId: string): Promise<Advance> {
  const view = await ports.runs.get(runId);
  if (!view || isFinal(view.run.state)) return { phase: 'done', waitSeconds: 0 };
  const { run } = view;
  if (run.state === 'created') return { phase: 'prepare', waitSeconds: IDLE_SECONDS };
  if (!run.prepared) return prepareRun(ports, run);
  if (run.attempt !== null && run.attempt.endedAt === null && run.attempt.handle !== null) return pollAttempt(ports, view);
  if (run.state === 'paused' && run.want !== 'run') return { phase: 'launch', waitSeconds: IDLE_SECONDS };
  return launchAttempt(ports, view);
}
