/** Calls of the management API: projects, their runs, a start from a checkpoint, tags. */
import * as z from 'zod';
import { artifactResponse, projectListResponse, projectResponse } from '../../lambdas/surfaces/management/schemas.ts';
import { type PlaneClient, pathOf } from './plane-client.ts';

export type Project = z.infer<typeof projectResponse>;
export type ProjectSummary = z.infer<typeof projectListResponse>[number];
export type ProjectArtifact = z.infer<typeof artifactResponse>;
type Body = Readonly<Record<string, unknown>>;

const startedSchema = z.object({ id: z.string() });

/** The newest 1,000. */
export const listProjects = (plane: PlaneClient): Promise<ProjectSummary[]> =>
  plane.call({ method: 'GET', path: '/projects', schema: projectListResponse });

export const getProject = (plane: PlaneClient, id: string): Promise<Project> =>
  plane.call({ method: 'GET', path: pathOf`/projects/${id}`, schema: projectResponse });

export const createProject = (plane: PlaneClient, body: Body): Promise<Project> =>
  plane.call({ method: 'POST', path: '/projects', body, schema: projectResponse, isEffect: true });

/** @returns the id of the run */
export const startProjectRun = async (plane: PlaneClient, projectId: string, body: Body): Promise<string> =>
  (await plane.call({ method: 'POST', path: pathOf`/projects/${projectId}/runs`, body, schema: startedSchema, isEffect: true })).id;

/** A new run that goes on from a checkpoint of another, with `body` laid over its configuration. @returns its id */
export const startFromCheckpoint = async (
  plane: PlaneClient,
  source: { readonly projectId: string; readonly runId: string; readonly artifactId: string },
  body: Body,
): Promise<string> =>
  (
    await plane.call({
      method: 'POST',
      path: pathOf`/projects/${source.projectId}/runs/${source.runId}/resume`,
      query: { source_artifact_id: source.artifactId },
      body,
      schema: startedSchema,
      isEffect: true,
    })
  ).id;

export const tagArtifact = (
  plane: PlaneClient,
  artifact: { readonly projectId: string; readonly runId: string; readonly artifactId: string },
  body: Body,
): Promise<ProjectArtifact> =>
  plane.call({
    method: 'POST',
    path: pathOf`/projects/${artifact.projectId}/runs/${artifact.runId}/artifacts/${artifact.artifactId}/tag`,
    body,
    schema: artifactResponse,
    isEffect: true,
  });
