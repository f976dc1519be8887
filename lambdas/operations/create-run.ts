import { makeId } from '#domain/ids.ts';
import type { Run, RunView } from '#domain/run.ts';
import { RunChange } from '#domain/run-change.ts';
import type { RunPlan } from '#domain/run-request.ts';
import type { Ports, Remembered } from '#ports';

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
}

/**
 * Accepts a run: record, first events and the idempotent answer in one transaction. Once this resolves the run is never lost;
 * the workflow's start is a convenience that a sweep makes good.
 * @param remember renders the answer to keep for an Idempotency-Key
 * @throws VersionConflict where another call with the same key was first
 */
export async function createRun(ports: Ports, order: NewRun, remember?: (view: RunView) => Remembered | undefined): Promise<RunView> {
  const now = ports.clock.now();
  const id = makeId('run', now);
  const draft = new RunChange(blankRun(id, order, ports.settings.provider, new Date(now).toISOString()), now);
  draft.note('run-created', { message: `created through the ${order.api} API` });
  if (order.submit) {
    draft.run.submittedAt = draft.timestamp;
    draft.move('submitted', { message: 'accepted; waits for its turn' });
  }
  const view: RunView = { run: draft.run, progress: null };
  await ports.runs.create(draft.run, draft.events, remember?.(view));
  if (order.submit) await ports.workflow.start(id);
  return view;
}

function blankRun(
  id: string,
  { api, plan, request, name, projectId, provider, outputDir }: NewRun,
  defaultProvider: string,
  createdAt: string,
): Run {
  return {
    id,
    version: 0,
    state: 'created',
    api,
    name,
    projectId,
    provider: provider ?? defaultProvider,
    folder: `runs/${id}/framework=${plan.training.framework}`,
    outputDir,
    request: { ...request },
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
    failuresSeen: {},
    fruitlessAttempts: 0,
    computeSeconds: 0,
    lastLogAt: null,
    lastCheckpoint: null,
    checkpoints: [],
    samples: null,
    failure: null,
    result: null,
  };
}
