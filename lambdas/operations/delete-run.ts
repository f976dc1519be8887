import { DomainError } from '#domain/errors.ts';
import type { Run } from '#domain/run.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports';
import { inFolder, readCheckpoints } from './advance/run-folder-files.ts';
import { getRun } from './get-run.ts';

/**
 * Removes a run that is over, and what it stored. The record goes first, on the condition that nobody tagged anything meanwhile:
 * what a crash leaves in the folder then belongs to nobody.
 * @throws DomainError `run_not_found`; `transition_refused` for a run that is not final, holds tags, or that another run went on from
 * @throws VersionConflict where the run changed meanwhile
 */
export async function deleteRun(ports: Ports, runId: string): Promise<void> {
  const { run } = await getRun(ports, runId);
  const problem = whyKept(run);
  if (problem) throw new DomainError('transition_refused', `run '${runId}' ${problem}`, { runId, state: run.state });
  const keys = await keysOf(ports, run);
  await ports.runs.remove(runId, run.version);
  await ports.logIndex.removeAll(runId);
  for (const key of keys) await (key.endsWith('/') ? ports.artifacts.removeFolder(key) : ports.artifacts.remove(key));
}

function whyKept(run: Run): string | null {
  if (!isFinal(run.state)) return `is ${run.state}: stop it before it is deleted`;
  const tagged = Object.entries(run.tags).find(([, tags]) => tags.length > 0);
  if (tagged) return `holds the tagged artifact '${tagged[0]}' and is kept`;
  const [pinned] = run.pinnedCheckpoints;
  return pinned === undefined ? null : `is kept: another run went on from its ${pinned}`;
}

/** What is this run's alone: successive runs may share a folder, with their checkpoints in it. */
async function keysOf(ports: Ports, run: Run): Promise<string[]> {
  const own = `runs/${run.id}/`;
  if (run.folder.startsWith(own)) return [own];
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
