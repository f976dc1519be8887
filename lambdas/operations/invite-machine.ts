/** What a machine beyond the plane's process is told at its start. All of it may be read by others; the claim gives the rest. */
import type { Run } from '#domain/run.ts';
import { attemptName, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder } from './advance/run-folder-files.ts';
import { deadlineOf } from './attempt-deadline.ts';

/**
 * @param planeUrl where the machine reaches the plane; default: the setting, else it claims through the mailbox in the store
 * @returns the variables of its environment. @throws Error where there is no way for it to come
 */
export async function inviteMachine(ports: Ports, run: Run, attempt: number, planeUrl?: string): Promise<Record<string, string>> {
  const name = attemptName(run.id, attempt);
  const deadline = deadlineOf(run, ports.clock.now() + ports.settings.startSeconds * 1_000);
  return {
    ...(await wayOf(ports, run, attempt, planeUrl ?? ports.settings.publicUrl)),
    TUNEPLANE_BOOTSTRAP_TOKEN: await ports.machineTokens.issue('bootstrap', name),
    TUNEPLANE_RUN_ID: run.id,
    TUNEPLANE_ATTEMPT: String(attempt),
    TUNEPLANE_DEADLINE: String(Math.ceil(deadline / 1_000)),
  };
}

async function wayOf(ports: Ports, run: Run, attempt: number, url: string | null): Promise<Record<string, string>> {
  if (url !== null) return { TUNEPLANE_CLAIM_URL: `${url}/attempts/${attemptName(run.id, attempt)}/claim` };
  const { mailboxes } = ports;
  if (!mailboxes) throw new Error('a machine elsewhere cannot reach this plane: set TUNEPLANE_PUBLIC_URL');
  const [claim, answer] = await Promise.all([
    mailboxes.putOnce(inFolder(run, runFolderKeys.mailboxClaim(run.id, attempt))),
    mailboxes.get(inFolder(run, runFolderKeys.mailboxAnswer(run.id, attempt))),
  ]);
  return { TUNEPLANE_MAILBOX: JSON.stringify({ claim, answer }) };
}
