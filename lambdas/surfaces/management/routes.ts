/** Document 4: projects, their runs, what those log and leave behind. */
import * as z from 'zod';
import type { RunView } from '#domain/run.ts';
import { LINK_HEADER, MAX_PAGE, nextLink } from '#http/paging.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { createProjectRun, getProjectRun, resumeFromCheckpoint, tagArtifact } from '#operations/project-runs.ts';
import { createProject, editProject, getProjectDetail, listProjects, type Project } from '#operations/projects.ts';
import { readLogs } from '#operations/read-logs.ts';
import { stopAndWait } from '#operations/stop-and-wait.ts';
import type { Ports } from '#ports/ports.ts';
import { linksOfRun } from '../run-links.ts';
import * as wire from './schemas.ts';
import * as to from './translate.ts';

const LOCATION_HEADER = { location: { description: 'where it can be read', schema: z.string() } } as const;
const OF_PROJECT = { project_id: '/id' };
const PROJECT_LINKS = { getProject: OF_PROJECT, editProject: OF_PROJECT, createProjectRun: OF_PROJECT };
const OF_RUN = { project_id: '/project_id', run_id: '/id' };
const RUN_LINKS = {
  ...linksOfRun('/id'),
  getProjectRun: OF_RUN,
  cancelProjectRun: OF_RUN,
  readProjectRunLogs: OF_RUN,
  listProjectRunArtifacts: OF_RUN,
};
const RUN_PATH = '/projects/{project_id}/runs/{run_id}';
const inProject = ['project_not_found', 'run_not_found'] as const;

const locateIn =
  ({ artifacts }: Ports): to.Locate =>
  (key) =>
    artifacts.locate(key);

const toCreatedRun = (view: RunView, ports: Ports) => ({
  status: 201,
  headers: { location: `/projects/${view.run.projectId}/runs/${view.run.id}` },
  body: to.toRun(view, locateIn(ports)),
});

const addProject = route({
  method: 'POST',
  path: '/projects',
  operationId: 'createProject',
  summary: 'Create a project',
  effect: 'creates',
  request: { body: wire.projectRequest },
  replies: { 201: { description: 'Created', schema: wire.projectResponse, headers: LOCATION_HEADER, links: PROJECT_LINKS } },
  examples: { tiny: { name: 'Smart home', base_model: 'tiny-llama', owner: 'alice', default_hyperparameters: { batch_size: 8 } } },
  handle: async ({ body, remember }, ports) => {
    const reply = (project: Project) => ({
      status: 201,
      headers: { location: `/projects/${project.id}` },
      body: to.toNewProject(project),
    });
    return reply(await createProject(ports, to.toProjectFields(body), (project) => remember(reply(project))));
  },
});

const listAllProjects = route({
  method: 'GET',
  path: '/projects',
  operationId: 'listProjects',
  summary: 'List projects, newest first; the built-in one is last',
  request: { query: wire.projectsQuery },
  replies: { 200: { description: 'The projects', schema: wire.projectListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listProjects(ports, query.limit ?? MAX_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: page.items.map(to.toProjectSummary) };
  },
});

const getOneProject = route({
  method: 'GET',
  path: '/projects/{project_id}',
  operationId: 'getProject',
  summary: 'Get a project with its newest runs, run counts and edit history',
  request: { params: wire.projectParams },
  replies: { 200: { description: 'The project', schema: wire.projectResponse } },
  errors: ['project_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toProject(await getProjectDetail(ports, params.project_id)) }),
});

const patchProject = route({
  method: 'PATCH',
  path: '/projects/{project_id}',
  operationId: 'editProject',
  summary: 'Change fields of a project',
  request: { params: wire.projectParams, body: wire.projectEdit },
  replies: { 200: { description: 'The project', schema: wire.projectResponse } },
  errors: ['project_not_found'],
  handle: async ({ params: { project_id: id }, body }, ports) => {
    await editProject(ports, id, to.toProjectEdits(body));
    return { status: 200, body: to.toProject(await getProjectDetail(ports, id)) };
  },
});

const addRun = route({
  method: 'POST',
  path: '/projects/{project_id}/runs',
  operationId: 'createProjectRun',
  summary: 'Launch a run in a project',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { params: wire.projectParams, body: wire.runRequest },
  replies: { 201: { description: 'Created', schema: wire.runResponse, headers: LOCATION_HEADER, links: RUN_LINKS } },
  errors: ['project_not_found'],
  examples: { tiny: { name: 'run-001', dataset: 'examples/alpaca.jsonl', hyperparameters: { max_steps: 100 } } },
  handle: async ({ params, body, remember }, ports) => {
    const order = (project: Project) => to.toOrder(project, body);
    return toCreatedRun(await createProjectRun(ports, params.project_id, order, (view) => remember(toCreatedRun(view, ports))), ports);
  },
});

const getRunInProject = route({
  method: 'GET',
  path: RUN_PATH,
  operationId: 'getProjectRun',
  summary: 'Get a run with metrics and artifacts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'The run', schema: wire.runResponse } },
  errors: inProject,
  handle: async ({ params }, ports) => ({
    status: 200,
    body: to.toRun(await getProjectRun(ports, params.project_id, params.run_id), locateIn(ports)),
  }),
});

const cancelRun = route({
  method: 'POST',
  path: `${RUN_PATH}/cancel`,
  operationId: 'cancelProjectRun',
  summary: 'Cancel a run; a live one saves a final checkpoint, which is waited for 5 s at most',
  effect: 'acts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'Accepted, and irrevocable', schema: wire.cancelResponse } },
  errors: [...inProject, 'transition_refused'],
  handle: async ({ params }, ports) => {
    const { run } = await getProjectRun(ports, params.project_id, params.run_id);
    return { status: 200, body: to.toCancellation(await stopAndWait(ports, run.id), locateIn(ports)) };
  },
});

const getRunLogs = route({
  method: 'GET',
  path: `${RUN_PATH}/logs`,
  operationId: 'readProjectRunLogs',
  summary: "A page of a run's log, ascending",
  request: { params: wire.runParams, query: wire.logsQuery },
  replies: { 200: { description: 'The page; empty after the last', schema: wire.logsResponse } },
  errors: inProject,
  handle: async ({ params, query: { page, page_size, start_time, end_time } }, ports) => {
    const { run } = await getProjectRun(ports, params.project_id, params.run_id);
    const place = { offset: (page - 1) * page_size };
    const lines = await readLogs(ports, run.id, { place, limit: page_size, range: { start: start_time, end: end_time } });
    return { status: 200, body: to.toLogs(lines, page, page_size) };
  },
});

const listRunArtifacts = route({
  method: 'GET',
  path: `${RUN_PATH}/artifacts`,
  operationId: 'listProjectRunArtifacts',
  summary: 'List what a run made: results and checkpoints, newest first',
  request: { params: wire.runParams },
  replies: { 200: { description: 'The artifacts', schema: wire.artifactListResponse } },
  errors: inProject,
  handle: async ({ params }, ports) => {
    const { run } = await getProjectRun(ports, params.project_id, params.run_id);
    return { status: 200, body: { items: to.toArtifacts(run, locateIn(ports)) } };
  },
});

const resumeRunFrom = route({
  method: 'POST',
  path: `${RUN_PATH}/resume`,
  operationId: 'resumeProjectRun',
  summary: 'A new run that goes on from a checkpoint of this one',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { params: wire.runParams, query: wire.resumeQuery, body: wire.resumeRequest },
  replies: { 201: { description: 'Created', schema: wire.runResponse, headers: LOCATION_HEADER, links: RUN_LINKS } },
  errors: [...inProject, 'artifact_not_found', 'not_a_checkpoint'],
  examples: { longer: { hyperparameters: { max_steps: 200 } } },
  handle: async ({ params, query, body, remember }, ports) => {
    const place = { projectId: params.project_id, runId: params.run_id, artifactId: query.source_artifact_id };
    return toCreatedRun(await resumeFromCheckpoint(ports, place, to.toResume(body), (view) => remember(toCreatedRun(view, ports))), ports);
  },
});

const tagRunArtifact = route({
  method: 'POST',
  path: `${RUN_PATH}/artifacts/{artifact_id}/tag`,
  operationId: 'tagProjectRunArtifact',
  summary: 'Tag an artifact; a tagged checkpoint is kept',
  effect: 'acts',
  request: { params: wire.artifactParams, body: wire.tagRequest },
  replies: { 200: { description: 'The artifact with all its tags, in the order applied', schema: wire.artifactResponse } },
  errors: [...inProject, 'artifact_not_found'],
  handle: async ({ params, body }, ports) => {
    const place = { projectId: params.project_id, runId: params.run_id, artifactId: params.artifact_id };
    const { artifact } = await tagArtifact(ports, place, { value: body.tag, notes: body.notes ?? null });
    return { status: 200, body: to.toArtifact(artifact, locateIn(ports)) };
  },
});

export const managementRoutes = [
  addProject,
  listAllProjects,
  getOneProject,
  patchProject,
  addRun,
  getRunInProject,
  cancelRun,
  getRunLogs,
  listRunArtifacts,
  resumeRunFrom,
  tagRunArtifact,
];
