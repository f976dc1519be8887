/** Runs as parts of a project: made in it, read in it, resumed from a checkpoint, tagged. */
import { DomainError, InvalidRequest } from '#domain/errors.ts';
import type { Run, RunView, Tag } from '#domain/run.ts';
import { listArtifacts, type RunArtifact, runIdOf } from '#domain/run-artifacts.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { planResume, type ResumeChanges } from '#domain/run-resume.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder } from './advance/run-folder-files.ts';
import { changeRun } from './change-run.ts';
import { createRun } from './create-run.ts';
import { findBase } from './find-base.ts';
import { keepCheckpoint } from './keep-checkpoint.ts';
import { findUnavailable, planOrder, type RunOrder, toNewRun } from './order-run.ts';
import { activateProject, getProject, type Project } from './projects.ts';
import { openEnvironment } from './run-environment.ts';

const TAGS_KEPT = 100;

type Remember = (view: RunView) => Remembered | undefined;

/** @throws DomainError `project_not_found`; whatever `toOrder` and `createRun` throw */
export async function createProjectRun(
  ports: Ports,
  projectId: string,
  toOrder: (project: Project) => RunOrder,
  remember?: Remember,
): Promise<RunView> {
  const project = await getProject(ports, projectId);
  const order = toOrder(project);
  const plan = await planOrder(ports, order);
  await activateProject(ports, project);
  return createRun(ports, toNewRun(order, plan), remember);
}

/** @throws DomainError `project_not_found`, `run_not_found` also for a run of another project */
export async function getProjectRun(ports: Ports, projectId: string, runId: string): Promise<RunView> {
  const [, view] = await Promise.all([getProject(ports, projectId), ports.runs.get(runId)]);
  if (view?.run.projectId !== projectId) throw new DomainError('run_not_found', `no run '${runId}' in project '${projectId}'`, { runId });
  return view;
}

/** @throws DomainError `project_not_found`, `run_not_found`, `artifact_not_found` */
export async function tagArtifact(
  ports: Ports,
  { projectId, runId, artifactId }: ArtifactPlace,
  { value, notes }: Pick<Tag, 'value' | 'notes'>,
): Promise<{ view: RunView; artifact: RunArtifact }> {
  await getProjectRun(ports, projectId, runId);
  const view = await changeRun(ports, runId, (draft) => {
    const before = findArtifact(draft.run, artifactId);
    draft.run.tags[artifactId] = [...before.tags, { value, notes, appliedAt: draft.timestamp }].slice(-TAGS_KEPT);
    draft.note('artifact-tagged', { message: `'${before.name}' tagged ${value}`, data: { artifactId, tag: value } });
  });
  return { view, artifact: findArtifact(view.run, artifactId) };
}

export interface ArtifactPlace {
  readonly projectId: string;
  readonly runId: string;
  readonly artifactId: string;
}

function findArtifact(run: Run, artifactId: string): RunArtifact {
  const artifact = listArtifacts(run).find(({ id }) => id === artifactId);
  if (!artifact) throw new DomainError('artifact_not_found', `no artifact '${artifactId}' of run '${run.id}'`, { artifactId });
  return artifact;
}

export interface ResumeOrder {
  readonly changes: ResumeChanges;
  readonly at: Parameters<typeof planResume>[2];
  readonly request: Readonly<Record<string, unknown>>;
  readonly name: string | null;
  readonly metadata: Run['metadata'];
}

/**
 * A new run with the configuration of another and the request's changes over it, from one of its checkpoints, which is kept from then on.
 * @throws DomainError `project_not_found`, `run_not_found`, `artifact_not_found`, `not_a_checkpoint`; InvalidRequest
 */
export async function resumeFromCheckpoint(ports: Ports, place: ArtifactPlace, order: ResumeOrder, remember?: Remember): Promise<RunView> {
  const { run: source } = await getProjectRun(ports, place.projectId, place.runId);
  const artifact = await findCheckpoint(ports, source, place.artifactId);
  const listed = source.checkpoints.find(({ checkpoint }) => checkpoint === artifact.checkpoint);
  if (!listed) throw new DomainError('artifact_not_found', `no artifact '${place.artifactId}'`, { artifactId: place.artifactId });
  const found = order.changes.baseModel === undefined ? null : await findBase(ports, order.changes.baseModel);
  const { plan, problems } = planResume(source, order.changes, order.at, typeof found === 'string' ? null : found);
  problems.push(...findUnavailable(ports, order.changes, order.at));
  if (problems.length > 0) throw new InvalidRequest(problems);
  const env = { ...(await openEnvironment(ports, source.id)), ...order.changes.env };
  await pinCheckpoint(ports, source.id, listed.checkpoint);
  return createRun(
    ports,
    {
      api: 'management',
      plan: { ...plan, env, secrets: { ...source.secrets, ...plan.secrets } },
      request: { ...source.request, ...order.request, ...(Object.keys(env).length > 0 && { env }) },
      name: order.name,
      projectId: place.projectId,
      provider: order.changes.provider ?? source.provider,
      outputDir: null,
      submit: true,
      metadata: { ...source.metadata, ...order.metadata },
      resumedFrom: {
        runId: source.id,
        artifactId: artifact.id,
        checkpoint: listed.checkpoint,
        folder: ports.artifacts.locate(inFolder(source, `${runFolderKeys.checkpoints()}${listed.folder}`)),
        step: listed.step,
      },
    },
    remember,
  );
}

async function findCheckpoint(ports: Ports, source: Run, artifactId: string): Promise<RunArtifact> {
  const owner = runIdOf(artifactId);
  if (owner !== null && owner !== source.id) {
    findArtifact(((await ports.runs.get(owner)) ?? unknownArtifact(artifactId)).run, artifactId);
    throw new DomainError('not_a_checkpoint', `artifact '${artifactId}' is of run '${owner}', not of '${source.id}'`, { artifactId });
  }
  const artifact = findArtifact(source, artifactId);
  if (artifact.checkpoint === null)
    throw new DomainError('not_a_checkpoint', `artifact '${artifactId}' is no checkpoint, it is of type ${artifact.type}`, { artifactId });
  return artifact;
}

function unknownArtifact(artifactId: string): never {
  throw new DomainError('artifact_not_found', `no artifact '${artifactId}'`, { artifactId });
}

async function pinCheckpoint(ports: Ports, runId: string, checkpoint: string): Promise<void> {
  await changeRun(ports, runId, (draft) => {
    if (!draft.run.checkpoints.some((listed) => listed.checkpoint === checkpoint)) unknownArtifact(checkpoint);
    keepCheckpoint(draft, checkpoint);
  });
}
