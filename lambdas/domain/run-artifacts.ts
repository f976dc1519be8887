/**
 * What a run made, as things with ids that can be named, tagged and resumed from: each checkpoint, and each kind of result.
 * An id holds its run's: `ckpt_<run>_000100`, `art_<run>_adapter`. So it needs no index, says whose it is, sorts by time, and a
 * checkpoint that a later attempt saves again at the same step is the same thing.
 */
import type { Run, Tag } from './run.ts';
import { type Manifest, runFolderKeys } from './run-folder.ts';

type ResultKind = Manifest['files'][number]['kind'];

export interface RunArtifact {
  readonly id: string;
  /** "Checkpoint @ step 2000" */
  readonly name: string;
  readonly type: 'checkpoint' | ResultKind;
  /** key of the folder (ends in '/') or of the one file in the artifacts store */
  readonly key: string;
  readonly createdAt: string;
  readonly sizeBytes: number;
  readonly tags: readonly Tag[];
  /** its name in the run folder; null for a result */
  readonly checkpoint: string | null;
}

const RESULT_NAMES: Readonly<Record<ResultKind, string>> = {
  adapter: 'Adapter',
  model: 'Model',
  samples: 'Sample answers',
  evaluation: 'Evaluation results',
  tensorboard: 'TensorBoard logs',
  config: 'Configuration',
};

const ofRun = ({ id }: Pick<Run, 'id'>): string => id.slice(id.indexOf('_') + 1);

export const checkpointId = (run: Pick<Run, 'id'>, checkpoint: string): string =>
  `ckpt_${ofRun(run)}_${checkpoint.slice(checkpoint.indexOf('-') + 1)}`;

const resultId = (run: Run, kind: ResultKind): string => `art_${ofRun(run)}_${kind}`;

/** The id of the run that an artifact is of; null where it cannot be an artifact's id. */
export function runIdOf(artifactId: string): string | null {
  const run = /^(?:ckpt|art)_([0-9a-z]{26})_[a-z0-9]+$/.exec(artifactId)?.[1];
  return run === undefined ? null : `run_${run}`;
}

/** Newest first: the results, then the checkpoints from the highest step down. */
export function listArtifacts(run: Run): RunArtifact[] {
  return [...resultsOf(run), ...run.checkpoints.toSorted((a, b) => b.step - a.step).map((checkpoint) => toArtifact(run, checkpoint))];
}

function toArtifact(run: Run, { checkpoint, folder, step, sizeBytes, reason, createdAt }: Run['checkpoints'][number]): RunArtifact {
  const id = checkpointId(run, checkpoint);
  const beforeCancel = reason === 'final' && run.stopRequestedAt !== null;
  return {
    id,
    name: beforeCancel ? 'Checkpoint before cancel' : `Checkpoint @ step ${step}`,
    type: 'checkpoint',
    key: `${run.folder}/${runFolderKeys.checkpointFolder(folder)}`,
    createdAt: createdAt ?? run.updatedAt,
    sizeBytes,
    tags: run.tags[id] ?? [],
    checkpoint,
  };
}

function resultsOf(run: Run): RunArtifact[] {
  const byKind = Map.groupBy(run.result?.files ?? [], ({ kind }) => kind);
  return [...byKind].map(([kind, files]) => {
    const id = resultId(run, kind);
    const [first] = files;
    const path = files.length === 1 && first ? first.path : `${first?.path.split('/')[0] ?? kind}/`;
    return {
      id,
      name: RESULT_NAMES[kind],
      type: kind,
      key: `${run.folder}/${runFolderKeys.artifact(run.id, path)}`,
      createdAt: run.completedAt ?? run.updatedAt,
      sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      tags: run.tags[id] ?? [],
      checkpoint: null,
    };
  });
}
