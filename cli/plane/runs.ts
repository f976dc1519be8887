/** Calls of the plane's own reads: `/runs`. */
import * as z from 'zod';
import {
  artifactListResponse,
  checkpointDetailResponse,
  checkpointListResponse,
  eventListResponse,
  type eventResponse,
  garbageResponse,
  logsResponse,
  metricsResponse,
  runDetailResponse,
  runListResponse,
} from '../../lambdas/surfaces/runs/schemas.ts';
import { type PlaneClient, pathOf, type Query } from './plane-client.ts';

export type RunDetail = z.infer<typeof runDetailResponse>;
export type RunSummary = z.infer<typeof runListResponse>['items'][number];
export type RunList = z.infer<typeof runListResponse>;
export type LogLines = z.infer<typeof logsResponse>;
export type LogLine = LogLines['items'][number];
export type RunEvent = z.infer<typeof eventResponse>;
export type Curves = z.infer<typeof metricsResponse>;
export type Checkpoint = z.infer<typeof checkpointListResponse>['items'][number];
export type Artifact = z.infer<typeof artifactListResponse>['items'][number];

export const listRuns = (plane: PlaneClient, query: Query): Promise<RunList> =>
  plane.call({ method: 'GET', path: '/runs', query, schema: runListResponse });

export const getRun = (plane: PlaneClient, id: string): Promise<RunDetail> =>
  plane.call({ method: 'GET', path: pathOf`/runs/${id}`, schema: runDetailResponse });

/** @param after a sequence; events above it */
export const listEvents = (plane: PlaneClient, id: string, after: number): Promise<z.infer<typeof eventListResponse>> =>
  plane.call({ method: 'GET', path: pathOf`/runs/${id}/events`, query: { after, limit: 1_000 }, schema: eventListResponse });

/** @param query `after` the number of a line, `limit`, `start`, `end`, `level`, `q` */
export const readLogs = (plane: PlaneClient, id: string, query: Query): Promise<LogLines> =>
  plane.call({ method: 'GET', path: pathOf`/runs/${id}/logs`, query, schema: logsResponse });

export const readMetrics = (plane: PlaneClient, id: string, query: Query): Promise<Curves> =>
  plane.call({ method: 'GET', path: pathOf`/runs/${id}/metrics`, query, schema: metricsResponse });

export const listArtifacts = async (plane: PlaneClient, id: string): Promise<Artifact[]> =>
  (await plane.call({ method: 'GET', path: pathOf`/runs/${id}/artifacts`, schema: artifactListResponse })).items;

/** Those that are kept, the highest step first. */
export const listCheckpoints = async (plane: PlaneClient, id: string): Promise<Checkpoint[]> =>
  (await plane.call({ method: 'GET', path: pathOf`/runs/${id}/checkpoints`, schema: checkpointListResponse })).items;

/** One with its files. @param name `step-000100` */
export const getCheckpoint = (plane: PlaneClient, id: string, name: string): Promise<z.infer<typeof checkpointDetailResponse>> =>
  plane.call({ method: 'GET', path: pathOf`/runs/${id}/checkpoints/${name}`, schema: checkpointDetailResponse });

/** @param order what the run is asked to do; the answer is the run as it is then */
export const orderRun = (plane: PlaneClient, id: string, order: 'stop' | 'pause' | 'resume' | 'checkpoint'): Promise<RunDetail> =>
  plane.call({ method: 'POST', path: pathOf`/runs/${id}/${order}`, schema: runDetailResponse, isEffect: true });

export const deleteRun = (plane: PlaneClient, id: string): Promise<void> =>
  plane.call({ method: 'DELETE', path: pathOf`/runs/${id}`, schema: z.void() });

/** One page of runs, the newest first. @param order `older_than_days`, `dry_run`, `after`: the `next` of the page before */
export const collectGarbage = (plane: PlaneClient, order: Readonly<Record<string, unknown>>): Promise<z.infer<typeof garbageResponse>> =>
  plane.call({ method: 'POST', path: '/runs/gc', body: order, schema: garbageResponse, isEffect: true });
