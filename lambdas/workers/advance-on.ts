import { advanceRun } from '#operations/advance-run.ts';
import type { Ports } from '#ports/ports.ts';

/** From an end to the next launch are three looks; more than this in a row would be a circle. */
const MAX_LOOKS = 10;

/** Looks at a run until it waits for something, or is over: what was rung for is done now, and not when the clock comes round. */
export async function advanceOn(ports: Ports, runId: string): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const { phase, waitSeconds } = await advanceRun(ports, runId);
    if (phase === 'done' || waitSeconds > 0) return;
  }
}
