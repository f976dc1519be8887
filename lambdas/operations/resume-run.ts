import { DomainError } from '#domain/errors.ts';
import type { Run, RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';

/**
 * Lets a paused run go on: its next attempt starts from the newest whole checkpoint. It reads `paused`, and says that it waits,
 * until that attempt trains.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is not paused, or is resuming already
 */
export async function resumeRun(ports: Ports, runId: string): Promise<RunView> {
  const view = await changeRun(ports, runId, (draft) => {
    const problem = whyNotResume(draft.run);
    if (problem) throw new DomainError('transition_refused', `run '${runId}' ${problem}`, { runId, state: draft.run.state });
    draft.run.want = 'run';
    draft.run.controlVersion += 1;
    draft.run.waiting = {
      code: 'resuming',
      sentence: 'waits for its next attempt',
      remedy: 'it goes on by itself when there is room',
      since: draft.timestamp,
    };
    draft.note('resume-requested', { message: goesOnFrom(draft.run), code: 'resuming' });
  });
  await ports.workflow.nudge(runId);
  return view;
}

function whyNotResume({ state, want, attempt }: Run): string | null {
  // An engine that is already ending could not be called back: it is paused first, and goes on after that.
  const isPausing = want === 'pause' && attempt !== null && attempt.endedAt === null;
  if (isPausing && state !== 'stopping') return 'is still pausing: resume it when it is paused';
  if (state !== 'paused') return `is ${state}, and only a paused run can be resumed`;
  return want === 'run' ? 'is resuming already' : null;
}

const goesOnFrom = ({ lastCheckpoint }: Run): string =>
  lastCheckpoint ? `goes on from ${lastCheckpoint.checkpoint}` : 'starts again at step 0';
