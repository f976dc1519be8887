/** Which checkpoint a run goes on from, and which ones it keeps. */

import type { Run } from '#domain/run.ts';
import { checkpointId } from '#domain/run-artifacts.ts';
import type { RunChange } from '#domain/run-change.ts';
import { type CheckpointRecord, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from '../change-run.ts';
import { inFolder, readCheckpoints } from './run-folder-files.ts';

/** The newest checkpoint whose record is there and whose files are whole. Torn ones are passed over. */
export async function findWholeCheckpoint(ports: Ports, run: Run): Promise<CheckpointRecord | null> {
  const records = await readCheckpoints(ports, run);
  for (const record of records.toReversed()) {
    const fault = await ports.artifacts.verify(inFolder(run, runFolderKeys.checkpointFolder(record.folder)), record.files);
    if (fault === null) return record;
  }
  return null;
}

export const toResumePoint = ({ name, folder, step }: CheckpointRecord): NonNullable<Run['lastCheckpoint']> => ({
  checkpoint: name,
  folder,
  step,
});

export const toListed = (record: CheckpointRecord): Run['checkpoints'][number] => ({
  checkpoint: record.name,
  folder: record.folder,
  step: record.step,
  attempt: record.attempt,
  evalLoss: record.metrics['eval_loss'] ?? null,
  sizeBytes: record.files.reduce((sum, file) => sum + file.sizeBytes, 0),
  reason: record.reason,
  createdAt: record.createdAt,
});

/** Of these, what retention lets go: all but the newest two, the best by eval loss, the tagged, and those that an attempt or another run went on from. */
export function expendable(run: Run): Run['checkpoints'] {
  const byStep = run.checkpoints.toSorted((a, b) => b.step - a.step);
  const best = run.checkpoints
    .filter((checkpoint) => checkpoint.evalLoss !== null)
    .sort((a, b) => Number(a.evalLoss) - Number(b.evalLoss))
    .slice(0, run.training.hyperparameters.keepBest);
  const kept = new Set([...byStep.slice(0, 2), ...best].map(({ checkpoint }) => checkpoint));
  if (run.attempt?.resumeFrom) kept.add(run.attempt.resumeFrom.checkpoint);
  for (const checkpoint of run.pinnedCheckpoints) kept.add(checkpoint);
  for (const { checkpoint } of byStep) if (run.tags[checkpointId(run, checkpoint)]) kept.add(checkpoint);
  return byStep.filter(({ checkpoint }) => !kept.has(checkpoint));
}

/** Removes what retention lets go. The record goes first, so that a crash between leaves a folder without a record: no checkpoint. */
export async function pruneCheckpoints(ports: Ports, run: Run): Promise<void> {
  const gone = expendable(run);
  if (gone.length === 0) return;
  for (const { checkpoint, folder } of gone) {
    await ports.artifacts.remove(inFolder(run, runFolderKeys.checkpointRecord(checkpoint)));
    await ports.artifacts.removeFolder(inFolder(run, runFolderKeys.checkpointFolder(folder)));
  }
  const names = new Set(gone.map(({ checkpoint }) => checkpoint));
  await changeRun(ports, run.id, (draft) => {
    for (const { checkpoint } of draft.run.checkpoints.filter((listed) => names.has(listed.checkpoint))) {
      draft.run.checkpoints = draft.run.checkpoints.filter((listed) => listed.checkpoint !== checkpoint);
      draft.note('checkpoint-removed', { message: `${checkpoint} removed by retention`, data: { checkpoint } });
    }
  });
}

/** Records that the run does not list yet become events; the newest becomes the last checkpoint. */
export function addCheckpoints(draft: RunChange, records: readonly CheckpointRecord[]): void {
  const listed = new Set(draft.run.checkpoints.map(({ checkpoint }) => checkpoint));
  for (const record of records) {
    if (listed.has(record.name)) continue;
    draft.run.checkpoints.push(toListed(record));
    if (record.step >= (draft.run.lastCheckpoint?.step ?? 0)) draft.run.lastCheckpoint = toResumePoint(record);
    draft.note('checkpoint-saved', { message: `${record.name} saved`, data: { ...toListed(record), reason: record.reason } });
  }
}
