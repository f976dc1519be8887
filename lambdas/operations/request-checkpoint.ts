import { DomainError } from '#domain/errors.ts';
import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';

/**
 * Asks a run's trainer for a checkpoint after its present step; the run goes on. Asked again before that, it is still one.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is not training, or is about to end
 */
export async function requestCheckpoint(ports: Ports, runId: string): Promise<RunView> {
  const view = await changeRun(ports, runId, (draft) => {
    const { state, want, attempt } = draft.run;
    if (state !== 'running' || want !== 'run' || attempt === null || attempt.endedAt !== null)
      throw new DomainError('transition_refused', `run '${runId}' is ${state} and cannot save a checkpoint`, { runId, state });
    draft.run.checkpointRequest += 1;
    draft.run.controlVersion += 1;
    draft.note('checkpoint-requested', { message: 'a checkpoint was asked for' });
  });
  await ports.workflow.nudge(runId);
  return view;
}
