import { DomainError } from '#domain/errors.ts';
import type { Run, RunView } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';

/**
 * Asks a run to pause: its trainer saves a checkpoint and ends, the run becomes `paused` and its slot is free. A run that is
 * resuming can be paused again; a lost trainer is as good as one that ended, since the checkpoints are there.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is not at work, or is pausing or paused already
 */
export async function pauseRun(ports: Ports, runId: string): Promise<RunView> {
  const view = await changeRun(ports, runId, (draft) => {
    const problem = whyNotPause(draft.run);
    if (problem) throw new DomainError('transition_refused', `run '${runId}' ${problem}`, { runId, state: draft.run.state });
    const waits = !hasCompute(draft.run);
    draft.run.want = 'pause';
    draft.run.controlVersion += 1;
    draft.run.waiting = null;
    draft.note('pause-requested', { message: waits ? 'paused again before it went on' : 'pausing: a checkpoint is being saved' });
  });
  // A resuming run may stand in line: its place is free. One whose trainer is there is told by the next look at it.
  if (!hasCompute(view.run)) await ports.compute.of(view.run.provider).release(attemptName(runId, (view.run.attempt?.number ?? 0) + 1));
  await ports.workflow.nudge(runId);
  return view;
}

function whyNotPause({ state, want }: Run): string | null {
  if (state === 'paused') return want === 'run' ? null : 'is paused already';
  if (state !== 'initializing' && state !== 'running') return `is ${state} and cannot be paused`;
  return want === 'pause' ? 'is pausing already' : null;
}

const hasCompute = ({ attempt }: Run): boolean => attempt !== null && attempt.endedAt === null;
