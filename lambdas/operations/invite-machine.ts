/** What a machine beyond the plane's process is told at its start. All of it may be read by others; the claim gives the rest. */
import type { Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import type { Ports } from '#ports';
import { deadlineOf } from './attempt-deadline.ts';

/** @returns the variables of its environment. @throws Error where no address of this plane is known */
export async function inviteMachine(ports: Ports, run: Run, attempt: number): Promise<Record<string, string>> {
  const name = attemptName(run.id, attempt);
  if (ports.settings.publicUrl === null) throw new Error('a machine elsewhere cannot reach this plane: set TUNEPLANE_PUBLIC_URL');
  const deadline = deadlineOf(run, ports.clock.now() + ports.settings.startSeconds * 1_000);
  return {
    TUNEPLANE_CLAIM_URL: `${ports.settings.publicUrl}/attempts/${name}/claim`,
    TUNEPLANE_BOOTSTRAP_TOKEN: await ports.machineTokens.issue('bootstrap', name),
    TUNEPLANE_RUN_ID: run.id,
    TUNEPLANE_ATTEMPT: String(attempt),
    TUNEPLANE_DEADLINE: String(Math.ceil(deadline / 1_000)),
  };
}
