/** Calls for what a plane has beside its runs: datasets, providers, machines. */
import type * as z from 'zod';
import { tokenResponse } from '../../lambdas/surfaces/attempts/worker-schemas.ts';
import {
  datasetListResponse,
  datasetPreviewResponse,
  datasetResponse,
  providerListResponse,
  uploadResponse,
  workerListResponse,
} from '../../lambdas/surfaces/runs/place-schemas.ts';
import { type PlaneClient, pathOf } from './plane-client.ts';

export type Dataset = z.infer<typeof datasetResponse>;
export type DatasetPreview = z.infer<typeof datasetPreviewResponse>;
export type Upload = z.infer<typeof uploadResponse>;
export type Provider = z.infer<typeof providerListResponse>['items'][number];
export type Worker = z.infer<typeof workerListResponse>['items'][number];

export const listDatasets = (plane: PlaneClient, limit: number): Promise<z.infer<typeof datasetListResponse>> =>
  plane.call({ method: 'GET', path: '/datasets', query: { limit }, schema: datasetListResponse });

/** @param limit how many of its rows, 1 to 100 */
export const previewDataset = (plane: PlaneClient, name: string, limit: number): Promise<DatasetPreview> =>
  plane.call({ method: 'GET', path: pathOf`/datasets/${name}/preview`, query: { limit }, schema: datasetPreviewResponse });

/** @param rows JSON Lines, at most 4 MB */
export const putDataset = (plane: PlaneClient, name: string, rows: Uint8Array): Promise<Dataset> =>
  plane.call({
    method: 'PUT',
    path: pathOf`/datasets/${name}`,
    content: { type: 'application/x-ndjson', bytes: rows },
    schema: datasetResponse,
  });

export const openUpload = (plane: PlaneClient, name: string, file: { sha256: string; sizeBytes: number }): Promise<Upload> =>
  plane.call({
    method: 'POST',
    path: pathOf`/datasets/${name}/upload`,
    body: { sha256: file.sha256, size_bytes: file.sizeBytes },
    schema: uploadResponse,
  });

/** Gives what was put by a link its name. */
export const nameUpload = (plane: PlaneClient, name: string, sha256: string): Promise<Dataset> =>
  plane.call({ method: 'PUT', path: pathOf`/datasets/${name}`, body: { sha256 }, schema: datasetResponse });

export const listProviders = async (plane: PlaneClient): Promise<Provider[]> =>
  (await plane.call({ method: 'GET', path: '/providers', schema: providerListResponse })).items;

export const listWorkers = async (plane: PlaneClient): Promise<Worker[]> =>
  (await plane.call({ method: 'GET', path: '/workers', schema: workerListResponse })).items;

/** The token with which a machine works under this name. */
export const issueWorkerToken = (plane: PlaneClient, name: string): Promise<z.infer<typeof tokenResponse>> =>
  plane.call({ method: 'POST', path: pathOf`/workers/${name}/token`, schema: tokenResponse });
