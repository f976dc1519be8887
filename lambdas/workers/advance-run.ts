/**
 * The one task function of the workflow: a round is one look at a run, and says when the next is due. It throws what is the plane's fault;
 * the state machine tries again, without end.
 *
 * After 480 rounds the execution hands over to the next generation of itself: 480 x 9 events of history are 4,320 of the 25,000 that AWS
 * allows an execution. Until the next one is started, this one goes on; started twice, it is one, because its name is.
 */
import { attemptName } from '#domain/run-folder.ts';
import { ENDING_SECONDS, isGone } from '#operations/advance/end-machine.ts';
import { advanceRun } from '#operations/advance-run.ts';
import type { Ports } from '#ports/ports.ts';
import { type Round, readRound } from './round.ts';

export const ROUNDS_A_GENERATION = 480;

/** Executions of the workflow, each the next generation of the one before. */
export interface Generations {
  /** Starts the execution that follows this one. Again is fine. */
  handOver(runId: string, generation: number): Promise<void>;
}

export function createHandler(ports: Ports, generations: Generations): (input: unknown) => Promise<Round> {
  return async (input) => {
    const before = readRound(input);
    const { runId, generation } = before;
    if (before.phase === 'finish') return { ...before, ...(await finish(ports, runId)) };
    const { phase, waitSeconds } = await advanceRun(ports, runId);
    const round = before.round + 1;
    if (phase === 'done') return { ...before, round, phase: 'finish', waitSeconds: 0 };
    if (round >= ROUNDS_A_GENERATION) {
      await generations.handOver(runId, generation);
      return { ...before, round, phase: 'handed-over', waitSeconds: 0 };
    }
    return { ...before, round, phase, waitSeconds: Math.ceil(waitSeconds) };
  };
}

/** A run that is over leaves no machine behind: whatever still carries its newest attempt is ended. */
async function finish(ports: Ports, runId: string): Promise<Pick<Round, 'phase' | 'waitSeconds'>> {
  const { phase, waitSeconds } = await advanceRun(ports, runId);
  if (phase !== 'done') return { phase, waitSeconds: Math.ceil(waitSeconds) };
  const view = await ports.runs.get(runId);
  const attempt = view?.run.attempt;
  const isOver =
    !view || !attempt || (await isGone(ports.compute.of(view.run.provider), attemptName(runId, attempt.number), attempt.handle));
  return isOver ? { phase: 'done', waitSeconds: 0 } : { phase: 'finish', waitSeconds: ENDING_SECONDS };
}
