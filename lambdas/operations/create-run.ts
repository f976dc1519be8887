import { SEALED_VALUE } from '#domain/environment-names.ts';
import { makeId } from '#domain/ids.ts';
import type { Run, RunView } from '#domain/run.ts';
import { RunChange } from '#domain/run-change.ts';
import type { RunPlan } from '#domain/run-request.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import type { NameClaim } from '#ports/run-store.ts';
import { noteAdapter } from './adapters.ts';
import { pinBase } from './find-base.ts';
import { noteHypernetwork } from './hypernetworks.ts';
import { keepEnvironment } from './run-environment.ts';

export interface NewRun {
  readonly api: Run['api'];
  readonly plan: RunPlan;
  /** the configuration as it was asked for */
  readonly request: Readonly<Record<string, unknown>>;
  readonly name: string | null;
  readonly projectId: string;
  readonly provider: string | null;
  readonly outputDir: string | null;
  /** false: the run waits in `created` until it is submitted */
  readonly submit: boolean;
  readonly purpose?: Run['purpose'];
  /** label of the result; default: the id of the run */
  readonly adapterId?: string | null;
  readonly resumedFrom?: Run['resumedFrom'];
  readonly metadata?: Run['metadata'];
  /** where the run folder is; default: `runs/<id>` */
  readonly place?: { readonly base: string; readonly folder: string };
  /** names that are to be this run's alone */
  readonly names?: readonly NameClaim[];
}

/**
 * Accepts a run: record, first events and the idempotent answer in one transaction. Once this resolves the run is never lost;
 * the workflow's start is a convenience that a sweep makes good.
 * @param remember renders the answer to keep for an Idempotency-Key
 * @throws VersionConflict where another call with the same key was first; NameTaken
 */
export async function createRun(ports: Ports, order: NewRun, remember?: (view: RunView) => Remembered | undefined): Promise<RunView> {
  const now = ports.clock.now();
  const id = makeId('run', now);
  const draft = new RunChange(blankRun(id, order, ports.settings, new Date(now).toISOString()), now);
  draft.note('run-created', { message: `created through the ${order.api} API` });
  if (order.submit) {
    draft.run.submittedAt = draft.timestamp;
    draft.move('submitted', { message: 'accepted; waits for its turn' });
  }
  const view: RunView = { run: draft.run, progress: null };
  if (order.adapterId) await noteAdapter(ports, order.adapterId, id);
  if (trainsHypernetwork(draft.run)) await noteHypernetwork(ports, draft.run.training.baseModel, id);
  await keepEnvironment(ports, id, order.plan.env ?? {});
  await pinBase(ports, draft.run);
  await ports.runs.create(draft.run, draft.events, remember?.(view), order.names);
  if (order.submit) await ports.workflow.start(id);
  return view;
}

const trainsHypernetwork = ({ purpose, training }: Run): boolean => purpose === 'train' && training.peftMethod === 'hypernetwork';

function blankRun(
  id: string,
  { api, plan, request, name, projectId, provider, outputDir, purpose, adapterId, resumedFrom, metadata, place }: NewRun,
  settings: Ports['settings'],
  createdAt: string,
): Run {
  return {
    id,
    version: 0,
    state: 'created',
    api,
    name,
    projectId,
    provider: provider ?? settings.provider,
    purpose: purpose ?? 'train',
    hypernetwork: null,
    adapterId: adapterId ?? null,
    resumedFrom: resumedFrom ?? null,
    metadata: { ...metadata },
    folder: `${place?.base ?? settings.runsBase ?? 'runs'}/${place?.folder ?? id}/framework=${plan.training.framework}`,
    outputDir,
    request: withoutValues(request),
    secrets: { ...plan.secrets },
    training: plan.training,
    compute: plan.compute,
    maxRuntimeSeconds: plan.maxRuntimeSeconds,
    choices: plan.choices,
    createdAt,
    updatedAt: createdAt,
    submittedAt: null,
    startedAt: null,
    completedAt: null,
    prepared: false,
    want: 'run',
    controlVersion: 1,
    stopRequestedAt: null,
    stopDetail: null,
    waiting: null,
    attempt: null,
    pastAttempts: [],
    failuresSeen: {},
    fruitlessAttempts: 0,
    computeSeconds: 0,
    lastLogAt: null,
    lastCheckpoint: resumedFrom ? { checkpoint: resumedFrom.checkpoint, folder: resumedFrom.folder, step: resumedFrom.step } : null,
    checkpoints: [],
    checkpointRequest: 0,
    pinnedCheckpoints: [],
    isResultPinned: false,
    tags: {},
    samples: null,
    failure: null,
    result: null,
  };
}

/** What a run was given for its trainer's eyes only is shown by name. */
function withoutValues(request: NewRun['request']): Run['request'] {
  const { env } = request;
  if (typeof env !== 'object' || env === null) return { ...request };
  return { ...request, env: Object.fromEntries(Object.keys(env).map((name) => [name, SEALED_VALUE])) };
}
