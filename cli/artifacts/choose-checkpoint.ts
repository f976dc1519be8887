import { CommandFailure, usageFailure } from '../exit-code.ts';
import type { Checkpoint } from '../plane/runs.ts';

/**
 * Which checkpoint is meant.
 * @param checkpoints the highest step first
 * @param word `latest`, `best` by eval loss, a name (step-000100), a step, or an id
 * @throws CommandFailure with what there is
 */
export function chooseCheckpoint(runId: string, checkpoints: readonly Checkpoint[], word: string): Checkpoint {
  const [latest] = checkpoints;
  if (latest === undefined) throw new CommandFailure('artifact_not_found', `${runId} has no checkpoint`);
  if (word === 'latest') return latest;
  if (word === 'best') {
    const measured = checkpoints.filter(({ eval_loss }) => eval_loss !== null);
    const [best] = measured.toSorted((a, b) => (a.eval_loss ?? 0) - (b.eval_loss ?? 0));
    if (best) return best;
    throw new CommandFailure('artifact_not_found', `no checkpoint of ${runId} has an eval loss, so none is best`, {
      remedy: "take one by name, or 'latest'",
    });
  }
  const found = checkpoints.find(({ id, name, step }) => word === id || word === name || word === String(step));
  if (found) return found;
  const names = checkpoints.map(({ name }) => name).join(', ');
  throw usageFailure(`${runId} has no checkpoint '${word}'; it has ${names}`, "or say 'latest' or 'best'");
}

/** Whether a word can only name a checkpoint. */
export const isCheckpointWord = (word: string): boolean => /^(latest|best|step-\d+|ckpt_\w+)$/.test(word);
