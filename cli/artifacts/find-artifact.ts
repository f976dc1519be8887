/** Which artifact is meant: by its own id, or by that of a run, whose adapter or model it is then. */
import { runIdOf } from '#domain/run-artifacts.ts';
import { CommandFailure } from '../exit-code.ts';
import { findRunId } from '../plane/find-run.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { getRun, listArtifacts } from '../plane/runs.ts';

const MAIN_RESULTS: readonly string[] = ['adapter', 'model'];

export interface ArtifactPlace {
  readonly projectId: string;
  readonly runId: string;
  readonly artifactId: string;
}

/** @throws CommandFailure where the run has no result yet; PlaneRefusal where there is no such run */
export async function findArtifact(plane: PlaneClient, reference: string): Promise<ArtifactPlace> {
  const runId = runIdOf(reference) ?? (await findRunId(plane, reference));
  const { project_id: projectId, state } = await getRun(plane, runId);
  if (runIdOf(reference) !== null) return { projectId, runId, artifactId: reference };
  const main = (await listArtifacts(plane, runId)).find(({ type }) => MAIN_RESULTS.includes(type));
  if (main) return { projectId, runId, artifactId: main.id };
  throw new CommandFailure('artifact_not_found', `${runId} is ${state} and has neither an adapter nor a model`, {
    remedy: `"tuneplane artifacts ls ${runId}" lists what it has`,
  });
}
