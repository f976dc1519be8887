import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import type { Run } from '#domain/run.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, readCheckpoints } from './advance/run-folder-files.ts';
import { getRun } from './get-run.ts';
import { forgetEnvironment } from './run-environment.ts';

const DELETIONS = 'deletions';
const deletionSchema = z.object({ folder: z.string() });
const PAGE = 100;

/**
 * Removes a run that is over, and all that it stored. What is to go is noted first, then the record goes, on the condition that nobody
 * tagged anything meanwhile, then the rest: what a crash leaves is cleared away by `finishDeletions`.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is not final, holds tags, or that another run went on from
 * @throws VersionConflict where the run changed meanwhile
 */
export async function deleteRun(ports: Ports, runId: string): Promise<void> {
  const { run } = await getRun(ports, runId);
  const problem = whyKept(run);
  if (problem) throw new DomainError('transition_refused', `run '${runId}' ${problem}`, { runId, state: run.state });
  await ports.documents.put(DELETIONS, runId, { folder: run.folder });
  await ports.runs.remove(runId, run.version);
  await clearAway(ports, { id: runId, folder: run.folder });
}

/** What deletions that were cut off left behind. A run that is still there was not deleted, and is left alone. */
export async function finishDeletions(ports: Ports): Promise<void> {
  for (const { id, value } of await ports.documents.list(DELETIONS, PAGE)) {
    if ((await ports.runs.get(id)) === null) await clearAway(ports, { id, ...deletionSchema.parse(value) });
    else await ports.documents.take(DELETIONS, id);
  }
}

async function clearAway(ports: Ports, run: Pick<Run, 'id' | 'folder'>): Promise<void> {
  await forgetEnvironment(ports, run.id);
  await ports.logIndex.removeAll(run.id);
  for (const key of await keysOf(ports, run)) await (key.endsWith('/') ? ports.artifacts.removeFolder(key) : ports.artifacts.remove(key));
  await ports.documents.take(DELETIONS, run.id);
}

export function whyKept(run: Run): string | null {
  if (!isFinal(run.state)) return `is ${run.state}: stop it before it is deleted`;
  const tagged = Object.entries(run.tags).find(([, tags]) => tags.length > 0);
  if (tagged) return `holds the tagged artifact '${tagged[0]}' and is kept`;
  const [pinned] = run.pinnedCheckpoints;
  if (pinned !== undefined) return `is kept: another run went on from its ${pinned}`;
  return run.isResultPinned ? 'is kept: another run began with its result' : null;
}

/** What is this run's alone: successive runs may share a folder, with their checkpoints in it. */
async function keysOf(ports: Ports, run: Pick<Run, 'id' | 'folder'>): Promise<string[]> {
  const [own] = run.folder.split('/framework=');
  if (own?.endsWith(`/${run.id}`)) return [`${own}/`];
  const [checkpoints, ...files] = await Promise.all([
    readCheckpoints(ports, run),
    ...['logs/', 'metrics/', 'attempts/'].map((folder) => ports.artifacts.list(inFolder(run, folder))),
  ]);
  return [
    // The record before the files: a crash between leaves a folder without a record, which is no checkpoint.
    ...checkpoints.flatMap(({ name, folder }) => [runFolderKeys.checkpointRecord(name), runFolderKeys.checkpointFolder(folder)]),
    runFolderKeys.artifact(run.id, ''),
    runFolderKeys.config(run.id),
  ]
    .map((key) => inFolder(run, key))
    .concat(
      files.flat().filter((key) =>
        key
          .slice(run.folder.length + 1)
          .split('/')[1]
          ?.startsWith(`${run.id}-`),
      ),
    );
}
