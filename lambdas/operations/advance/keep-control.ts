import type { Run } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';
import { reportSeconds } from './pace.ts';
import { readControl, writeControl } from './run-folder-files.ts';

/**
 * control.json says what the record wants: written again while the trainer's echo is behind, and where reports are to come at another pace.
 * @param echoed the control version that the trainer has heard; -1: none
 */
export async function keepControl(ports: Ports, run: Run, attempt: number, echoed: number): Promise<void> {
  const isPaced = ports.settings.pace !== undefined;
  const wanted = reportSeconds(ports, run, isPaced && (await ports.bell.isFollowed(run.id)));
  const isBehind = run.controlVersion > echoed;
  if (!isBehind && !isPaced) return;
  if (!isBehind && (await readControl(ports, run, attempt))?.reportSeconds === wanted) return;
  await writeControl(ports, run, attempt, { reportSeconds: wanted });
}
