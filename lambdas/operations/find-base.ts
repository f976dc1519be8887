/** A base model that is named by the id of a run, an artifact or a checkpoint: what another run made. */
import { isMadeId } from '#domain/base-models.ts';
import type { Run } from '#domain/run.ts';
import { checkpointId, listArtifacts, type RunArtifact, runIdOf } from '#domain/run-artifacts.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import type { FoundBase } from '#domain/run-request.ts';
import type { PlainBase } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from './change-run.ts';
import { keepCheckpoint } from './keep-checkpoint.ts';

/** @returns null where the name is no such id; a sentence where nothing can be begun with it */
export async function findBase(ports: Pick<Ports, 'runs' | 'artifacts'>, name: string): Promise<FoundBase | string | null> {
  if (!isMadeId(name)) return null;
  const runId = sourceOf(name);
  const view = await ports.runs.get(runId);
  if (!view) return `no run here made '${name}'`;
  const { run } = view;
  const artifact = name === runId ? mainResult(run) : listArtifacts(run).find(({ id }) => id === name);
  if (!artifact)
    return name === runId ? `run '${name}' is ${run.state} and has no adapter or model` : `run '${runId}' has no artifact '${name}'`;
  const form = formOf(run, artifact);
  if (form === null) return `${describe(run, artifact)}: a run begins with an adapter, a model or a checkpoint of framework hf`;
  const { loraR, loraAlpha, targetModules } = run.training.hyperparameters;
  return {
    base: {
      kind: 'made',
      id: name,
      form,
      folder: ports.artifacts.locate(folderOf(run, artifact)),
      base: form === 'adapter' ? plainBaseOf(run) : null,
    },
    isTiny: await goesBackToTiny(ports, run),
    // Of an adapter that a hypernetwork made, only the adapter itself knows the shape.
    shape: form === 'adapter' && run.purpose === 'train' ? { loraR, loraAlpha, targetModules } : null,
  };
}

/** Of a result with one file the artifact is that file; what is loaded is its folder. */
const folderOf = (run: Run, { checkpoint, type, key }: RunArtifact): string =>
  checkpoint === null ? `${run.folder}/${runFolderKeys.artifact(run.id, `${type}/`)}` : key;

/** A merged model first: it needs nothing beside it. */
const mainResult = (run: Run): RunArtifact | undefined => {
  const results = listArtifacts(run);
  return results.find(({ type }) => type === 'model') ?? results.find(({ type }) => type === 'adapter');
};

/** A hypernetwork is no model that answers, and other frameworks' checkpoints are shards that only they read. */
function formOf({ training, purpose }: Run, { type }: RunArtifact): 'adapter' | 'model' | null {
  if (training.peftMethod === 'hypernetwork' && purpose === 'train') return null;
  if (type === 'checkpoint' && training.framework !== 'hf') return null;
  if (type === 'adapter' || type === 'model') return type;
  return type === 'checkpoint' ? (training.peftMethod === 'full' ? 'model' : 'adapter') : null;
}

function describe({ training, purpose }: Run, { id, type }: RunArtifact): string {
  if (training.peftMethod === 'hypernetwork' && purpose === 'train') return `artifact '${id}' is of a hypernetwork`;
  return type === 'checkpoint' ? `'${id}' is a checkpoint of framework ${training.framework}` : `artifact '${id}' is of type ${type}`;
}

/** An adapter that began with another one belongs to the same base. */
function plainBaseOf({ training: { baseModel } }: Run): PlainBase | null {
  if (baseModel.kind !== 'made') return baseModel;
  return baseModel.form === 'adapter' ? baseModel.base : { kind: 'path', path: baseModel.folder };
}

/** Models of models: a handful of steps in practice; each is one read. */
async function goesBackToTiny({ runs }: Pick<Ports, 'runs'>, run: Run): Promise<boolean> {
  const { baseModel } = run.training;
  if (baseModel.kind !== 'made') return baseModel.kind === 'tiny-llama';
  if (baseModel.base !== null) return baseModel.base.kind === 'tiny-llama';
  const source = await runs.get(sourceOf(baseModel.id));
  return source !== null && goesBackToTiny({ runs }, source.run);
}

/** What a run begins with is kept from then on. */
export async function pinBase(ports: Ports, { training: { baseModel } }: Pick<Run, 'training'>): Promise<void> {
  if (baseModel.kind !== 'made') return;
  const { id } = baseModel;
  await changeRun(ports, sourceOf(id), (draft) => {
    const { run } = draft;
    const listed = run.checkpoints.find(({ checkpoint }) => checkpointId(run, checkpoint) === id);
    if (listed) keepCheckpoint(draft, listed.checkpoint);
    else if (!run.isResultPinned) {
      run.isResultPinned = true;
      draft.note('result-pinned', { message: 'its result is kept: another run begins with it' });
    }
  });
}

const sourceOf = (madeId: string): string => (madeId.startsWith('run_') ? madeId : (runIdOf(madeId) ?? ''));
