import type { RunView } from '#domain/run.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { getRun } from './get-run.ts';
import { stopRun } from './stop-run.ts';

/** A caller is told of the final checkpoint where it comes so soon; on a tiny model it does, on a large one it follows. */
const PATIENCE_MILLIS = 5_000;

/**
 * Accepts a stop, and waits a moment for its final checkpoint or its end.
 * @throws as `stopRun`
 */
export async function stopAndWait(ports: Ports, runId: string): Promise<RunView> {
  const listener = ports.bell.listen(runId);
  try {
    const accepted = await stopRun(ports, runId);
    const until = ports.clock.now() + PATIENCE_MILLIS;
    for (let view = accepted; ; view = await getRun(ports, runId)) {
      const left = until - ports.clock.now();
      if (hasEnded(view) || left <= 0 || !(await listener.next(left))) return hasEnded(view) ? view : getRun(ports, runId);
    }
  } finally {
    listener.close();
  }
}

const hasEnded = ({ run }: RunView): boolean =>
  isFinal(run.state) ||
  run.checkpoints.some(({ reason, attempt }) => reason === 'final' && attempt === run.attempt?.number && run.stopRequestedAt !== null);
