/** Document 1: two ways to train, one to look; and the sessions, trajectories and adapters that they speak of. */
import * as z from 'zod';
import type { RunView } from '#domain/run.ts';
import { LINK_HEADER, nextLink, pageQuery } from '#http/paging.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { getAdapter } from '#operations/adapters.ts';
import { getRun } from '#operations/get-run.ts';
import { orderRun } from '#operations/order-run.ts';
import { findStored, getStored, listStored, type StoreOutcome, storeRows, storeUri } from '#operations/stored-rows.ts';
import { linksOfJob, linksOfRun } from '../run-links.ts';
import * as wire from './schemas.ts';
import * as to from './translate.ts';

const LOCATION_HEADER = { location: { description: 'where it can be read', schema: z.string() } } as const;
const LINKS = { ...linksOfRun('/job_id'), ...linksOfJob('/job_id', 'getTrainingJob') };
const SESSION_MAX_BODY_BYTES = 4 * 1_048_576;
const DEFAULT_PAGE = 100;

const toStartReply = (view: RunView) => ({
  status: 200,
  headers: { location: `/jobs/${view.run.id}` },
  body: to.toStarted(view),
});

const trainLora = route({
  method: 'POST',
  path: '/train/lora',
  operationId: 'trainLora',
  summary: 'Train a QLoRA adapter on a stored session',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.loraRequest },
  replies: { 200: { description: 'Accepted: it will run', schema: wire.startResponse, headers: LOCATION_HEADER, links: LINKS } },
  examples: { document: { session_id: 's-1', task_type: 'code-gen', epochs: 3 } },
  handle: async ({ body, remember }, ports) => {
    const session = await findStored(ports, 'session', body.session_id);
    const order = to.toLoraRun(body, session, ports.settings.defaultBase);
    return toStartReply(await orderRun(ports, order, (view) => remember(toStartReply(view))));
  },
});

const trainHypernetwork = route({
  method: 'POST',
  path: '/train/hypernetwork',
  operationId: 'trainHypernetwork',
  summary: 'Make an adapter of a stored trajectory by one forward pass of a hypernetwork',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.hypernetworkRequest },
  replies: { 200: { description: 'Accepted: it will run', schema: wire.startResponse, headers: LOCATION_HEADER, links: LINKS } },
  examples: { document: { task_type: 'gen', trajectory_ids: ['t-1'] } },
  handle: async ({ body, remember }, ports) => {
    const trajectories = await Promise.all(body.trajectory_ids.map((id) => findStored(ports, 'trajectory', id)));
    const order = to.toHypernetworkRun(body, trajectories, ports.settings.defaultBase);
    return toStartReply(await orderRun(ports, order, (view) => remember(toStartReply(view))));
  },
});

const getJob = route({
  method: 'GET',
  path: '/jobs/{job_id}',
  operationId: 'getTrainingJob',
  summary: 'Get the status of a job',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The job', schema: wire.jobStatusResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toJobStatus(await getRun(ports, params.job_id)) }),
});

const toStoredReply = ({ isNew }: StoreOutcome, location: string, body: unknown) => ({
  status: isNew ? 201 : 200,
  headers: { location },
  body,
});

const putSession = route({
  method: 'PUT',
  path: '/sessions/{session_id}',
  operationId: 'putSession',
  summary: 'Store a session: rows in JSON Lines, or where they lie',
  maxBodyBytes: SESSION_MAX_BODY_BYTES,
  whenTooLarge: 'store where the rows lie, as JSON {"uri": ...}',
  consumes: ['application/x-ndjson', 'application/jsonl', 'text/plain'],
  request: { params: wire.sessionParams, body: wire.sessionBody },
  replies: {
    200: {
      description: 'Replaced; runs that began before keep the rows they began with',
      schema: wire.sessionResponse,
      headers: LOCATION_HEADER,
    },
    201: { description: 'Stored', schema: wire.sessionResponse, headers: LOCATION_HEADER },
  },
  handle: async ({ params: { session_id: id }, body }, ports) => {
    const outcome = await (typeof body === 'string' ? storeRows(ports, 'session', id, body) : storeUri(ports, 'session', id, body.uri));
    return toStoredReply(outcome, `/sessions/${id}`, to.toSession(outcome.stored));
  },
});

const getSession = route({
  method: 'GET',
  path: '/sessions/{session_id}',
  operationId: 'getSession',
  summary: 'Get a session with its first rows',
  request: { params: wire.sessionParams },
  replies: { 200: { description: 'The session', schema: wire.sessionDetailResponse } },
  errors: ['session_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toSessionDetail(await getStored(ports, 'session', params.session_id)) }),
});

const listSessions = route({
  method: 'GET',
  path: '/sessions',
  operationId: 'listSessions',
  summary: 'List sessions by name, from the end of the alphabet',
  request: { query: pageQuery },
  replies: { 200: { description: 'The sessions', schema: wire.sessionListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listStored(ports, 'session', query.limit ?? DEFAULT_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: { items: page.items.map(to.toSession) } };
  },
});

const putTrajectory = route({
  method: 'PUT',
  path: '/trajectories/{trajectory_id}',
  operationId: 'putTrajectory',
  summary: 'Store a trajectory: one conversation',
  request: { params: wire.trajectoryParams, body: wire.trajectoryBody },
  replies: {
    200: { description: 'Replaced', schema: wire.trajectoryResponse, headers: LOCATION_HEADER },
    201: { description: 'Stored', schema: wire.trajectoryResponse, headers: LOCATION_HEADER },
  },
  handle: async ({ params: { trajectory_id: id }, body }, ports) => {
    const outcome = await storeRows(ports, 'trajectory', id, JSON.stringify(body));
    return toStoredReply(outcome, `/trajectories/${id}`, to.toTrajectory(outcome.stored));
  },
});

const getTrajectory = route({
  method: 'GET',
  path: '/trajectories/{trajectory_id}',
  operationId: 'getTrajectory',
  summary: 'Get a trajectory',
  request: { params: wire.trajectoryParams },
  replies: { 200: { description: 'The trajectory', schema: wire.trajectoryDetailResponse } },
  errors: ['trajectory_not_found'],
  handle: async ({ params }, ports) => ({
    status: 200,
    body: to.toTrajectoryDetail(await getStored(ports, 'trajectory', params.trajectory_id)),
  }),
});

const listTrajectories = route({
  method: 'GET',
  path: '/trajectories',
  operationId: 'listTrajectories',
  summary: 'List trajectories by name, from the end of the alphabet',
  request: { query: pageQuery },
  replies: { 200: { description: 'The trajectories', schema: wire.trajectoryListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listStored(ports, 'trajectory', query.limit ?? DEFAULT_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: { items: page.items.map(to.toTrajectory) } };
  },
});

const getOneAdapter = route({
  method: 'GET',
  path: '/adapters/{adapter_id}',
  operationId: 'getAdapter',
  summary: 'Get the adapter that holds a label: of the newest completed run that has it',
  request: { params: wire.adapterParams },
  replies: { 200: { description: 'The adapter', schema: wire.adapterResponse } },
  errors: ['adapter_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toAdapter(await getAdapter(ports, params.adapter_id)) }),
});

export const trainingSvcRoutes = [
  trainLora,
  trainHypernetwork,
  getJob,
  putSession,
  getSession,
  listSessions,
  putTrajectory,
  getTrajectory,
  listTrajectories,
  getOneAdapter,
];
