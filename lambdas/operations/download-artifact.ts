import { DomainError } from '#domain/errors.ts';
import type { Run, RunView } from '#domain/run.ts';
import { listArtifacts, type RunArtifact } from '#domain/run-artifacts.ts';
import { type Manifest, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder } from './advance/run-folder-files.ts';
import { changeRun } from './change-run.ts';
import { getRun } from './get-run.ts';

export interface TrainedArtifact {
  readonly run: Run;
  readonly artifact: RunArtifact;
  /** the weights: adapter_model.safetensors, or the first of a model */
  readonly file: Manifest['files'][number];
  /** of that file in the artifacts store */
  readonly key: string;
  /** absolute path or s3:// URI of that file */
  readonly location: string;
}

/** What a run has to show: the adapter, else the model. Null until it has one. */
export function findTrained(ports: Pick<Ports, 'artifacts'>, { run }: RunView): TrainedArtifact | null {
  const weights = (run.result?.files ?? []).filter(
    ({ kind, path }) => (kind === 'adapter' || kind === 'model') && path.endsWith('.safetensors'),
  );
  const file = weights.find(({ kind }) => kind === 'adapter') ?? weights[0];
  const artifact = listArtifacts(run).find(({ type }) => type === file?.kind);
  if (!file || !artifact) return null;
  const key = inFolder(run, runFolderKeys.artifact(run.id, file.path));
  return { run, artifact, file, key, location: ports.artifacts.locate(key) };
}

/**
 * The result with a link to it, its hash compared with the bytes that are stored now.
 * @throws DomainError `run_not_found`; `not_submitted`; `artifact_unavailable` until there is one; `artifact_corrupt`
 */
export async function downloadArtifact(ports: Ports, runId: string): Promise<TrainedArtifact & { readonly link: string }> {
  const view = await getRun(ports, runId);
  if (view.run.submittedAt === null && view.run.result === null) {
    throw new DomainError('not_submitted', `run '${runId}' was not submitted to a provider`, { runId });
  }
  const trained = findTrained(ports, view);
  if (!trained) throw new DomainError('artifact_unavailable', `run '${runId}' is ${view.run.state} and has no artifact`, { runId });
  const fault = await ports.artifacts.verify(inFolder(view.run, runFolderKeys.artifact(runId, '')), [trained.file]);
  if (fault === null) return { ...trained, link: await ports.downloads.link(trained.key, trained.file) };
  await changeRun(ports, runId, (draft) =>
    draft.note('warning-raised', { message: `the stored artifact differs: ${fault}`, code: 'artifacts_corrupt' }),
  );
  throw new DomainError('artifact_corrupt', `the stored artifact of run '${runId}' is not what its trainer wrote: ${fault}`, { runId });
}
