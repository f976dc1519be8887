/** What a plane has beside its runs: the datasets that were stored, where runs may go, and the machines that are there. */
import * as z from 'zod';
import { LINK_HEADER, nextLink, pageQuery } from '#http/paging.ts';
import { route } from '#http/route.ts';
import { listMachines, listProviders } from '#operations/list-machines.ts';
import { getStored, listStored, openUpload, storeRows, storeUploaded } from '#operations/stored-rows.ts';
import * as wire from './place-schemas.ts';
import { toDataset, toDatasets, toJsonLines, toPreview, toProviders, toUpload, toWorkers } from './place-translate.ts';

const DATASET_MAX_BODY_BYTES = 4 * 1_048_576;
const DEFAULT_PAGE = 100;
const LOCATION_HEADER = { location: { description: 'where its first rows can be read', schema: z.string() } } as const;

const putDataset = route({
  method: 'PUT',
  path: '/datasets/{name}',
  operationId: 'putDataset',
  summary: 'Store a dataset, to be named in requests as dataset:<name>',
  description:
    'JSON Lines as text, or a JSON array of rows. Each row is checked, and a bad one is named by its line. More than 4 MB: `POST /datasets/{name}/upload`, put the bytes by the link, then come here with `{"sha256": ...}`; the first 4 MB are checked here, all of it before training.',
  maxBodyBytes: DATASET_MAX_BODY_BYTES,
  whenTooLarge: 'put it by a link, POST /datasets/{name}/upload',
  consumes: ['application/x-ndjson', 'application/jsonl', 'text/plain'],
  request: { params: wire.datasetParams, body: wire.datasetBody },
  replies: {
    200: { description: 'Replaced; runs that began before keep their rows', schema: wire.datasetResponse, headers: LOCATION_HEADER },
    201: { description: 'Stored', schema: wire.datasetResponse, headers: LOCATION_HEADER },
  },
  examples: { alpaca: [{ instruction: 'Say hello.', output: 'Hello!' }] },
  handle: async ({ params: { name }, body }, ports) => {
    const isUploaded = typeof body === 'object' && 'sha256' in body;
    const { stored, isNew } = await (isUploaded
      ? storeUploaded(ports, 'dataset', name, body.sha256)
      : storeRows(ports, 'dataset', name, toJsonLines(body)));
    return { status: isNew ? 201 : 200, headers: { location: `/datasets/${name}/preview` }, body: toDataset(stored) };
  },
});

const openDatasetUpload = route({
  method: 'POST',
  path: '/datasets/{name}/upload',
  operationId: 'openDatasetUpload',
  summary: 'A link to put a dataset by that is larger than 4 MB',
  request: { params: wire.datasetParams, body: wire.uploadRequest },
  replies: { 200: { description: 'Send the bytes there, then PUT /datasets/{name} with the sha256', schema: wire.uploadResponse } },
  examples: { large: { size_bytes: 73_400_320, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' } },
  handle: async ({ body }, ports) => ({ status: 200, body: toUpload(await openUpload(ports, body.sha256, body.size_bytes)) }),
});

const listDatasets = route({
  method: 'GET',
  path: '/datasets',
  operationId: 'listDatasets',
  summary: 'List stored datasets by name, from the end of the alphabet',
  request: { query: pageQuery },
  replies: { 200: { description: 'The datasets', schema: wire.datasetListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listStored(ports, 'dataset', query.limit ?? DEFAULT_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: toDatasets(page) };
  },
});

const previewDataset = route({
  method: 'GET',
  path: '/datasets/{name}/preview',
  operationId: 'previewDataset',
  summary: 'Get a dataset with its first rows',
  request: { params: wire.datasetParams, query: wire.previewQuery },
  replies: { 200: { description: 'The dataset', schema: wire.datasetPreviewResponse } },
  errors: ['dataset_not_found'],
  handle: async ({ params, query }, ports) => ({
    status: 200,
    body: toPreview(await getStored(ports, 'dataset', params.name), query.limit),
  }),
});

const listAllProviders = route({
  method: 'GET',
  path: '/providers',
  operationId: 'listProviders',
  summary: 'Where runs may train, and what is missing where they may not',
  replies: { 200: { description: 'The providers', schema: wire.providerListResponse } },
  handle: async (_, ports) => ({ status: 200, body: toProviders(listProviders(ports)) }),
});

const listWorkers = route({
  method: 'GET',
  path: '/workers',
  operationId: 'listWorkers',
  summary: 'The machines that are here: slots, GPUs, engines, and who holds them',
  replies: { 200: { description: 'The machines', schema: wire.workerListResponse } },
  handle: async (_, ports) => ({ status: 200, body: toWorkers(await listMachines(ports)) }),
});

export const placeRoutes = [putDataset, openDatasetUpload, listDatasets, previewDataset, listAllProviders, listWorkers];
