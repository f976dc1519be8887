/** Which files of a run are meant, and where each goes. */
import { CommandFailure, usageFailure } from '../exit-code.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { type Artifact, getCheckpoint, listArtifacts, listCheckpoints } from '../plane/runs.ts';
import { chooseCheckpoint, isCheckpointWord } from './choose-checkpoint.ts';
import type { RemoteFile } from './download-file.ts';

/** A file of a checkpoint, by its path in the run: `checkpoints/step-000100/trainer_state.json`. */
const OF_CHECKPOINT = /^checkpoints\/(step-\d+)\/(.+)$/;

/**
 * @param words kinds, ids, files, or checkpoints; none: every result
 * @returns each file once, by its path below the folder that it is fetched into
 * @throws CommandFailure with what there is
 */
export async function chooseFiles(plane: PlaneClient, runId: string, words: readonly string[]): Promise<RemoteFile[]> {
  const results = (await listArtifacts(plane, runId)).filter(({ files }) => files.length > 0);
  const chosen =
    words.length === 0 ? everyResult(runId, results) : (await Promise.all(words.map((word) => find(plane, runId, results, word)))).flat();
  for (const { path } of chosen) checkPath(path);
  return [...new Map(chosen.map((file) => [file.path, file])).values()];
}

function everyResult(runId: string, results: readonly Artifact[]): RemoteFile[] {
  const files = results.flatMap((result) => result.files);
  if (files.length > 0) return files;
  throw new CommandFailure('artifact_not_found', `${runId} has no result to fetch yet`, {
    remedy: `"tuneplane show ${runId}" says how far it is; a checkpoint is fetched by its name, or as 'latest'`,
  });
}

async function find(plane: PlaneClient, runId: string, results: readonly Artifact[], word: string): Promise<readonly RemoteFile[]> {
  if (isCheckpointWord(word))
    return filesOfCheckpoint(plane, runId, chooseCheckpoint(runId, await listCheckpoints(plane, runId), word).name);
  const [, checkpoint] = OF_CHECKPOINT.exec(word) ?? [];
  const files = checkpoint === undefined ? results.flatMap((result) => result.files) : await filesOfCheckpoint(plane, runId, checkpoint);
  const found = results.find(({ type, id }) => type === word || id === word)?.files ?? files.filter(({ path }) => path === word);
  if (found.length > 0) return found;
  const kinds = results.map(({ type }) => type).join(', ') || 'no result yet';
  throw usageFailure(`${runId} has no '${word}' to fetch; it has ${kinds}`, `"tuneplane artifacts ls ${runId}" lists every file`);
}

const filesOfCheckpoint = async (plane: PlaneClient, runId: string, name: string): Promise<RemoteFile[]> =>
  (await getCheckpoint(plane, runId, name)).files.map((file) => ({ ...file, path: `checkpoints/${name}/${file.path}` }));

/** The plane names the files: none may lead out of the folder. */
function checkPath(path: string): void {
  if (path.startsWith('/') || path.split('/').some((part) => part === '..' || part === ''))
    throw new CommandFailure('strange_answer', `the plane names a file '${path}', which would lie outside the folder`);
}
