/**
 * Which hypernetwork makes an adapter: that of the newest completed run with `peft_method: hypernetwork` on the same base, as its user
 * names it; for tiny-llama, where there is none, the one that the trainer builds once. The choice is pinned when the run is prepared.
 */
import { nameOfBase } from '#domain/base-models.ts';
import type { Run } from '#domain/run.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import type { BaseModel, Hypernetwork } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder } from './advance/run-folder-files.ts';
import { findNewestCompleted, notePointer } from './newest-completed.ts';

const FOLDER = 'model/';
const collectionOf = (base: BaseModel): string => `hypernetwork-runs/${base.kind}:${nameOfBase(base)}`;

/** Before a run that trains a hypernetwork is stored. */
export const noteHypernetwork = (ports: Ports, base: BaseModel, runId: string): Promise<void> =>
  notePointer(ports, collectionOf(base), runId);

export async function chooseHypernetwork(
  ports: Ports,
  base: BaseModel,
): Promise<{ hypernetwork: Hypernetwork } | { failure: { code: string; message: string } }> {
  const view = await findNewestCompleted(ports, collectionOf(base));
  if (view) return { hypernetwork: toHypernetwork(ports, view.run) };
  if (base.kind === 'tiny-llama') return { hypernetwork: { kind: 'built-in' } };
  const message = `there is no completed hypernetwork for the base '${nameOfBase(base)}'`;
  return { failure: { code: 'no_hypernetwork', message } };
}

function toHypernetwork(ports: Ports, run: Run): Hypernetwork {
  const files = (run.result?.files ?? []).flatMap(({ kind, path, sizeBytes, sha256 }) =>
    kind === 'model' ? [{ path: path.slice(FOLDER.length), sizeBytes, sha256 }] : [],
  );
  return { kind: 'run', runId: run.id, folder: ports.artifacts.locate(inFolder(run, runFolderKeys.artifact(run.id, FOLDER))), files };
}
