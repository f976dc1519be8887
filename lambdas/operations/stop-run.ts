import { DomainError } from '#domain/errors.ts';
import type { Run, RunView } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import { attemptName } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';

/**
 * Accepts a stop. It is irrevocable: a run whose compute is live saves a final checkpoint and becomes `stopped` when the compute is gone.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is final or already stopping
 */
export async function stopRun(ports: Ports, runId: string): Promise<RunView> {
  const view = await changeRun(ports, runId, (draft) => {
    if (isFinal(draft.run.state))
      throw new DomainError('transition_refused', `run '${runId}' is ${draft.run.state} and cannot be stopped`, {
        runId,
        state: draft.run.state,
      });
    if (draft.run.state === 'stopping')
      throw new DomainError('transition_refused', `run '${runId}' is stopping already`, { runId, state: 'stopping' });
    requestStop(draft, { code: 'stop_requested', message: 'stopped on request' });
  });
  if (isFinal(view.run.state))
    await ports.compute.of(view.run.provider).release(attemptName(runId, (view.run.attempt?.number ?? 0) + 1)); // its place in the line
  else await ports.workflow.nudge(runId);
  return view;
}

/** Marks the run as stopping; at once `stopped` where nothing was ever reserved for it. */
export function requestStop(draft: RunChange, detail: NonNullable<Run['stopDetail']>): void {
  const { run } = draft;
  run.want = 'stop';
  run.controlVersion += 1;
  run.stopRequestedAt = draft.timestamp;
  run.stopDetail = detail;
  const hasCompute = run.attempt !== null && run.attempt.endedAt === null;
  if (hasCompute) draft.move('stopRequested', { message: `${detail.message}; a final checkpoint is being saved`, code: detail.code });
  else if (run.state === 'created' || run.state === 'queued')
    draft.move('stoppedBeforeLaunch', { message: `${detail.message} before it was launched`, code: detail.code });
  else {
    draft.move('stopRequested', { message: detail.message, code: detail.code });
    draft.move('stopped', { message: 'nothing was running', code: detail.code });
  }
}
