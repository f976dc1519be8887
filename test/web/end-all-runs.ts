import { runListResponse } from '#surfaces/runs/schemas.ts';
import type { ScriptedPlane } from '../support/scripted-plane.ts';

/** Stops whatever still runs, and waits for it: nobody writes into a folder that is being removed. */
export async function endAllRuns(plane: ScriptedPlane): Promise<void> {
  const states = 'created,queued,initializing,running,paused,stopping';
  const { items } = runListResponse.parse((await plane.request('GET', `/runs?state=${states}`)).body);
  for (const { id } of items) await plane.request('POST', `/runs/${id}/stop`);
  for (const { id } of items) await plane.jobWhenDone(id);
}
