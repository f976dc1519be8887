import type { RunChange } from '#domain/run-change.ts';

/** Another run goes on from this checkpoint: retention passes it over, and the run is not deleted. */
export function keepCheckpoint(draft: RunChange, checkpoint: string): void {
  if (draft.run.pinnedCheckpoints.includes(checkpoint)) return;
  draft.run.pinnedCheckpoints.push(checkpoint);
  draft.note('checkpoint-pinned', { message: `${checkpoint} is kept: another run goes on from it`, data: { checkpoint } });
}
