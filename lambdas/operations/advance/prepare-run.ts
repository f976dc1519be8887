import { makeFailure } from '#domain/failures.ts';
import type { Run } from '#domain/run.ts';
import { mergeChoices } from '#domain/run-choices.ts';
import { attemptName } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import { STORED_DATASET } from '#domain/run-request.ts';
import type { Dataset } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from '../change-run.ts';
import { chooseHypernetwork } from '../hypernetworks.ts';
import { datasetOf, findStored } from '../stored-rows.ts';
import { type Advance, IDLE_SECONDS } from './pace.ts';

/**
 * Pins the inputs before any machine is asked for: names become files with sizes and hashes, or the run fails with the reason. Room
 * is asked for in the same breath: thousands of runs may wait for it, and each costs one write instead of two.
 */
export async function prepareRun(ports: Ports, run: Run): Promise<Advance> {
  const chosen = run.purpose === 'generate' ? await chooseHypernetwork(ports, run.training.baseModel) : null;
  const secret = missingSecret(ports, run);
  const dataset = await pinDataset(ports, run.training.dataset);
  const base = run.training.baseModel.kind === 'path' ? await ports.inputs.locateModel(run.training.baseModel.path) : null;
  const unpinned =
    secret ?? [chosen, dataset, base].flatMap((pinned) => (pinned !== null && 'failure' in pinned ? [pinned.failure] : []))[0] ?? null;
  const compute = ports.compute.of(run.provider);
  const wanted = chosen !== null && 'hypernetwork' in chosen ? { ...run, hypernetwork: chosen.hypernetwork } : run;
  const room = unpinned ? null : await compute.reserve(attemptName(run.id, 1), wanted);
  const failure = unpinned ?? (room?.kind === 'impossible' ? room.failure : null);

  const { run: prepared } = await changeRun(ports, run.id, (draft) => {
    if (draft.run.state !== 'queued' || draft.run.prepared) return;
    if (failure) {
      draft.run.failure = makeFailure(failure.code, failure.message);
      draft.move('broke', { message: failure.message, code: failure.code });
      return;
    }
    if ('dataset' in dataset) draft.run.training.dataset = dataset.dataset;
    if (base !== null && 'path' in base) draft.run.training.baseModel = { kind: 'path', path: base.path };
    if (chosen !== null && 'hypernetwork' in chosen) draft.run.hypernetwork = chosen.hypernetwork;
    draft.run.prepared = true;
    draft.run.choices = mergeChoices(draft.run.choices, compute.plan?.(draft.run) ?? []);
    draft.note('inputs-prepared', { message: describe(draft.run) });
    if (room?.kind === 'no-capacity') draft.wait(room.waiting);
  });
  if (prepared.state !== 'queued') await compute.release(attemptName(run.id, 1)); // failed, or stopped meanwhile
  return { phase: isFinal(prepared.state) ? 'done' : 'launch', waitSeconds: prepared.waiting === null ? 0 : IDLE_SECONDS };
}

/** A stored dataset is the rows that lie under its name now; a later store concerns later runs. */
export async function pinDataset(ports: Ports, dataset: Dataset): ReturnType<Ports['inputs']['pin']> {
  const name = dataset.kind === 'files' && dataset.files.length === 0 ? STORED_DATASET.exec(dataset.uri)?.[1] : undefined;
  if (name === undefined) return ports.inputs.pin(dataset);
  const stored = await findStored(ports, 'dataset', name);
  if (!stored) return { failure: { code: 'dataset_not_found', message: `no dataset '${name}' is stored here: PUT /datasets/${name}` } };
  const pinned = await ports.inputs.pin({ kind: 'files', uri: datasetOf(stored), files: [] });
  return 'dataset' in pinned && pinned.dataset.kind === 'files' ? { dataset: { ...pinned.dataset, uri: `dataset:${name}` } } : pinned;
}

/** One that was allowed when the run was accepted, and is not any more. */
function missingSecret({ settings }: Pick<Ports, 'settings'>, { secrets }: Run): { code: string; message: string } | null {
  const missing = Object.entries(secrets).find(([, secret]) => !settings.secrets.includes(secret));
  return missing ? { code: 'secret_missing', message: `the secret '${missing[1]}' for ${missing[0]} is not one that runs may name` } : null;
}

function describe({ training: { dataset }, hypernetwork }: Run): string {
  if (dataset.kind === 'hub') return `the trainer takes '${dataset.id}' from the hub`;
  const bytes = dataset.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const files = `pinned ${dataset.files.length} file${dataset.files.length === 1 ? '' : 's'} of '${dataset.uri}', ${bytes} bytes`;
  if (hypernetwork === null) return files;
  return `${files}; ${hypernetwork.kind === 'run' ? `the hypernetwork of ${hypernetwork.runId}` : 'the hypernetwork that comes with the base'}`;
}
