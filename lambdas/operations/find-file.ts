import { DomainError } from '#domain/errors.ts';
import type { Run } from '#domain/run.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import type { StoredFile } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, readCheckpoint } from './advance/run-folder-files.ts';
import { getRun } from './get-run.ts';

/** A checkpoint as the run lists it, and what it is made of. */
export interface CheckpointFiles {
  readonly listed: Run['checkpoints'][number];
  readonly files: readonly StoredFile[];
}

/** @throws DomainError `artifact_not_found` where the run has none of that name, or retention took it just now */
export async function listCheckpointFiles(ports: Ports, run: Run, name: string): Promise<CheckpointFiles> {
  const listed = run.checkpoints.find(({ checkpoint }) => checkpoint === name);
  const record = listed ? await readCheckpoint(ports, run, listed.checkpoint) : null;
  if (!listed || !record) throw new DomainError('artifact_not_found', `run '${run.id}' has no checkpoint '${name}'`, { runId: run.id });
  return { listed, files: record.files };
}

/** A link that fetches the file. */
export interface LinkedFile extends StoredFile {
  readonly link: string;
}

const OF_CHECKPOINT = /^checkpoints\/(step-\d{6,})\/(.+)$/;

/**
 * One file of what a run made.
 * @param path of a result: `adapter/adapter_model.safetensors`; of a checkpoint: `checkpoints/step-000100/trainer_state.json`
 * @throws DomainError `run_not_found`, `artifact_not_found`
 */
export async function findFile(ports: Ports, runId: string, path: string): Promise<LinkedFile> {
  const { run } = await getRun(ports, runId);
  const found = (await findInCheckpoint(ports, run, path)) ?? findInResult(run, path);
  if (!found) throw new DomainError('artifact_not_found', `run '${runId}' made no file '${path.slice(0, 200)}'`, { runId });
  return { ...found.file, link: await ports.downloads.link(found.key, found.file) };
}

interface Found {
  readonly key: string;
  readonly file: StoredFile;
}

function findInResult(run: Run, path: string): Found | null {
  const file = run.result?.files.find((candidate) => candidate.path === path);
  return file ? { key: inFolder(run, runFolderKeys.artifact(run.id, path)), file } : null;
}

async function findInCheckpoint(ports: Ports, run: Run, path: string): Promise<Found | null> {
  const [, name, inside] = OF_CHECKPOINT.exec(path) ?? [];
  const listed = run.checkpoints.find(({ checkpoint }) => checkpoint === name);
  const record = listed ? await readCheckpoint(ports, run, listed.checkpoint) : null;
  const file = record?.files.find((candidate) => candidate.path === inside);
  return record && file ? { key: inFolder(run, runFolderKeys.checkpointFile(record.folder, file.path)), file } : null;
}
