/** The management API's words <-> ours. Pure; `locate` says where a key lies. */
import type * as z from 'zod';
import { InvalidRequest, type Problem } from '#domain/errors.ts';
import { type GivenHyperparameters, withoutAliases } from '#domain/hyperparameters.ts';
import type { Run, RunView } from '#domain/run.ts';
import { listArtifacts, type RunArtifact } from '#domain/run-artifacts.ts';
import { fractionDone } from '#domain/run-progress.ts';
import { STANDINGS, type Standing, standingOf } from '#domain/run-standing.ts';
import type { RunOrder } from '#operations/order-run.ts';
import type { ResumeOrder } from '#operations/project-runs.ts';
import type { Project, ProjectDetail, ProjectFields } from '#operations/projects.ts';
import type { LogPage } from '#operations/read-logs.ts';
import type * as wire from './schemas.ts';

export type Locate = (key: string) => string;
type Status = (typeof wire.STATUSES)[number];

const STATUS: Readonly<Record<Standing, Status>> = {
  created: 'queued',
  queued: 'queued',
  'queued-again': 'running', // the document knows no way back from running
  initializing: 'queued',
  'initializing-again': 'running',
  running: 'running',
  paused: 'paused',
  stopping: 'cancelled', // accepted and irrevocable; completed_at stays null until the compute is gone
  completed: 'completed',
  failed: 'failed',
  stopped: 'cancelled',
};
export const toStatus = (run: Run): Status => STATUS[standingOf(run)];

const ARTIFACTS_SHOWN = 100;

export const toProjectFields = (request: wire.ProjectRequest): ProjectFields => ({
  name: request.name,
  description: request.description ?? null,
  objective: request.objective ?? null,
  taskType: request.task_type ?? null,
  baseModel: request.base_model ?? null,
  owner: request.owner ?? null,
  tags: request.tags ?? [],
  defaultHyperparameters: request.default_hyperparameters ?? {},
});

/** Only what the edit names. @throws InvalidRequest where it names nothing */
export function toProjectEdits(edit: wire.ProjectEdit): Partial<ProjectFields> {
  if (Object.keys(edit).length === 0) throw new InvalidRequest([{ path: '', message: 'must name at least one field to change' }]);
  const { name, description, objective, task_type, base_model, owner, tags, default_hyperparameters } = edit;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(objective !== undefined && { objective }),
    ...(task_type !== undefined && { taskType: task_type }),
    ...(base_model !== undefined && { baseModel: base_model }),
    ...(owner !== undefined && { owner }),
    ...(tags !== undefined && { tags }),
    ...(default_hyperparameters !== undefined && { defaultHyperparameters: default_hyperparameters }),
  };
}

export const toProjectSummary = ({ id, name, status, owner, createdAt }: Project): z.infer<typeof wire.projectSummary> => ({
  id,
  name,
  status,
  owner,
  created_at: createdAt,
});

export function toProject({ project, runs, counts }: ProjectDetail): z.infer<typeof wire.projectResponse> {
  const [newest] = runs;
  const runCounts = { queued: 0, running: 0, paused: 0, completed: 0, failed: 0, cancelled: 0 } satisfies Record<Status, number>;
  for (const standing of STANDINGS) runCounts[STATUS[standing]] += counts[standing];
  return {
    ...toProjectSummary(project),
    status: newest ? 'active' : project.status,
    description: project.description,
    objective: project.objective,
    task_type: project.taskType,
    base_model: project.baseModel,
    updated_at: newest && newest.run.createdAt > project.updatedAt ? newest.run.createdAt : project.updatedAt,
    tags: project.tags,
    default_hyperparameters: project.defaultHyperparameters,
    runs: runs.map(toRunInProject),
    run_counts: runCounts,
    history: project.history.map(({ editedAt, changes }) => ({
      edited_at: editedAt,
      changes: changes.map(({ field, from, to }) => ({ field: toWireName(field), from, to })),
    })),
  };
}

const toWireName = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const NO_COUNTS = Object.fromEntries(STANDINGS.map((standing) => [standing, 0])) as Record<Standing, number>;
export const toNewProject = (project: Project): z.infer<typeof wire.projectResponse> => toProject({ project, runs: [], counts: NO_COUNTS });

const toRunInProject = (view: RunView): z.infer<typeof wire.projectResponse>['runs'][number] => ({
  id: view.run.id,
  project_id: view.run.projectId,
  name: view.run.name ?? view.run.id,
  status: toStatus(view.run),
  started_at: view.run.startedAt,
  progress: fractionDone(view) ?? 0,
});

export function toRun(view: RunView, locate: Locate): z.infer<typeof wire.runResponse> {
  const { run, progress } = view;
  const description = run.metadata['description'];
  return {
    ...toRunInProject(view),
    description: typeof description === 'string' ? description : null,
    metrics: progress && {
      loss: progress.metrics['loss'] ?? null,
      accuracy: progress.metrics['eval_token_accuracy'] ?? progress.metrics['token_accuracy'] ?? null,
      throughput_tokens_per_s: progress.metrics['tokens_per_second'] ?? null,
      gpu_utilization: progress.metrics['gpu_utilization'] ?? null,
    },
    resumed_from: run.resumedFrom?.artifactId ?? null,
    created_at: run.createdAt,
    updated_at: progress && progress.seenAt > run.updatedAt ? progress.seenAt : run.updatedAt,
    completed_at: run.completedAt,
    artifacts: toArtifacts(run, locate).slice(0, ARTIFACTS_SHOWN),
    waiting: run.waiting,
    failure: run.failure,
    stop_detail: run.stopDetail,
  };
}

export const toCancellation = ({ run }: RunView, locate: Locate): z.infer<typeof wire.cancelResponse> => ({
  id: run.id,
  status: toStatus(run),
  completed_at: run.completedAt,
  artifacts: toArtifacts(run, locate).slice(0, ARTIFACTS_SHOWN),
});

export const toArtifacts = (run: Run, locate: Locate): z.infer<typeof wire.artifactResponse>[] =>
  listArtifacts(run)
    .slice(0, 1_000)
    .map((artifact) => toArtifact(artifact, locate));

export const toArtifact = (
  { id, name, type, key, createdAt, sizeBytes, tags }: RunArtifact,
  locate: Locate,
): z.infer<typeof wire.artifactResponse> => ({
  id,
  name,
  type,
  path: locate(key),
  created_at: createdAt,
  size_bytes: sizeBytes,
  tags: tags.map(({ value, notes, appliedAt }) => ({ value, notes, applied_at: appliedAt })),
});

export const toLogs = ({ items, total }: LogPage, page: number, pageSize: number): z.infer<typeof wire.logsResponse> => ({
  page,
  page_size: pageSize,
  total,
  items: items.map(({ timestamp, level, message }) => ({ timestamp, level, message })),
});

/** The project's defaults, then the run's own. */
export function toOrder(project: Project, request: wire.RunRequestBody): RunOrder {
  const { model_parameters, hyperparameters, name, description, dataset, ...rest } = request;
  const { given, problems, baseModel, peftMethod } = toHyperparameters(model_parameters, hyperparameters);
  const base = baseModel ?? project.baseModel;
  if (!base) problems.push({ path: 'model_parameters.base_model', message: 'is required: the project has no base_model' });
  const { values: defaults } = withoutAliases(project.defaultHyperparameters, '');
  return {
    api: 'management',
    asked: {
      ...rest,
      baseModel: base ?? 'tiny-llama',
      dataset,
      peftMethod: peftMethod ?? 'lora',
      hyperparameters: { ...defaults, ...given },
    },
    at: { base: 'model_parameters.base_model', dataset: 'dataset', prefix: 'hyperparameters.' },
    problems,
    request,
    name: name ?? null,
    projectId: project.id,
    outputDir: null,
    submit: true,
    metadata: { ...(description !== undefined && { description }) },
  };
}

/** @throws InvalidRequest */
export function toResume(request: wire.ResumeRequestBody): ResumeOrder {
  const { model_parameters, hyperparameters, name, description, ...rest } = request;
  const { given, problems, baseModel, peftMethod } = toHyperparameters(model_parameters, hyperparameters);
  if (problems.length > 0) throw new InvalidRequest(problems);
  return {
    changes: { ...rest, hyperparameters: given, ...(baseModel && { baseModel }), ...(peftMethod && { peftMethod }) },
    at: { base: 'model_parameters.base_model', dataset: 'dataset', prefix: 'hyperparameters.' },
    request,
    name: name ?? null,
    metadata: { ...(description !== undefined && { description }) },
  };
}

/** Both places hold hyperparameters; a name in both is a problem, not a guess. */
function toHyperparameters(
  modelParameters: wire.RunRequestBody['model_parameters'],
  hyperparameters: GivenHyperparameters | undefined,
): {
  given: GivenHyperparameters;
  problems: Problem[];
  baseModel: string | undefined;
  peftMethod: Run['training']['peftMethod'] | undefined;
} {
  const { base_model: baseModel, peft_method: peftMethod, ...ofModel } = modelParameters ?? {};
  const first = withoutAliases(ofModel, 'model_parameters.');
  const second = withoutAliases(hyperparameters ?? {}, 'hyperparameters.');
  const both = Object.keys(second.values).filter((name) => Object.hasOwn(first.values, name));
  const twice = both.map((name) => ({ path: `hyperparameters.${name}`, message: 'is given in model_parameters too' }));
  return {
    given: { ...first.values, ...second.values },
    problems: [...first.problems, ...second.problems, ...twice],
    baseModel,
    peftMethod,
  };
}
