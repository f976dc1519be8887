/** Our own reads of every run, for the dashboard, the command line and everyone. */

import * as z from 'zod';
import { lastEventId, toEventStream, wantsEventStream } from '#http/event-stream.ts';
import { LINK_HEADER, nextLink } from '#http/paging.ts';
import { route } from '#http/route.ts';
import { collectGarbage } from '#operations/collect-garbage.ts';
import { deleteRun } from '#operations/delete-run.ts';
import { findFile, listCheckpointFiles } from '#operations/find-file.ts';
import { getRun } from '#operations/get-run.ts';
import { awaitEvents, listEvents } from '#operations/list-events.ts';
import { countRuns, listRuns } from '#operations/list-runs.ts';
import { pauseRun } from '#operations/pause-run.ts';
import { readLogs, searchLogs } from '#operations/read-logs.ts';
import { readMetrics } from '#operations/read-metrics.ts';
import { requestCheckpoint } from '#operations/request-checkpoint.ts';
import { resumeRun } from '#operations/resume-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Ports } from '#ports/ports.ts';
import * as wire from './schemas.ts';
import {
  toArtifacts,
  toCheckpointDetail,
  toCheckpoints,
  toCurveQuery,
  toDetail,
  toEvent,
  toEventList,
  toFileLink,
  toFilter,
  toGarbageOrder,
  toList,
  toLogs,
  toMetrics,
} from './translate.ts';

const DEFAULT_RUNS = 100;
/** Under the 30 s that an HTTP API gives a Lambda. */
const EVENT_WAIT_MILLIS = 20_000;

const locateIn =
  ({ artifacts }: Ports) =>
  (key: string): string =>
    artifacts.locate(key);

const listAllRuns = route({
  method: 'GET',
  path: '/runs',
  operationId: 'listRuns',
  summary: 'List runs of every API, newest first',
  request: { query: wire.listQuery },
  replies: { 200: { description: 'The runs', schema: wire.runListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const filter = toFilter(query);
    const [page, total] = await Promise.all([listRuns(ports, filter, query.limit ?? DEFAULT_RUNS, query.after), countRuns(ports, filter)]);
    return { status: 200, headers: nextLink(context, page.next), body: toList(page, total) };
  },
});

const getOneRun = route({
  method: 'GET',
  path: '/runs/{run_id}',
  operationId: 'getRun',
  summary: 'Get a run in full',
  request: { params: wire.runParams },
  replies: { 200: { description: 'The run', schema: wire.runDetailResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toDetail(await getRun(ports, params.run_id)) }),
});

const listRunEvents = route({
  method: 'GET',
  path: '/runs/{run_id}/events',
  operationId: 'listRunEvents',
  summary: "A run's timeline, ascending",
  description:
    'With `accept: text/event-stream` as server-sent events: `id` is the sequence, `Last-Event-ID` is honoured. Each answer is finite: it waits at most 20 s for the next event and closes; an EventSource comes again by itself. 204 tells it that a final run has no more.',
  request: { params: wire.runParams, query: wire.eventsQuery },
  replies: {
    200: { description: 'The events', schema: wire.eventListResponse, headers: LINK_HEADER, alsoAs: 'text/event-stream' },
    204: { description: 'As a stream only: the run is final and every event was seen' },
  },
  errors: ['run_not_found'],
  handle: async ({ params, query, ...context }, ports) => {
    if (wantsEventStream(context)) {
      const after = lastEventId(context, query.after);
      const events = await awaitEvents(ports, params.run_id, { after, limit: query.limit, waitMillis: EVENT_WAIT_MILLIS });
      return toEventStream(events?.map((event) => ({ id: event.sequence, type: event.type, data: toEvent(event) })) ?? null);
    }
    const page = await listEvents(ports, params.run_id, query.after, query.limit);
    return { status: 200, headers: nextLink(context, page.next), body: toEventList(page) };
  },
});

const stopOneRun = route({
  method: 'POST',
  path: '/runs/{run_id}/stop',
  operationId: 'stopRun',
  summary: 'Stop a run; a live one saves a final checkpoint first',
  effect: 'acts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'Accepted, and irrevocable', schema: wire.runDetailResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: toDetail(await stopRun(ports, params.run_id)) }),
});

const pauseOneRun = route({
  method: 'POST',
  path: '/runs/{run_id}/pause',
  operationId: 'pauseRun',
  summary: 'Pause a run: it saves a checkpoint, its process ends, and its slot is free',
  effect: 'acts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'Accepted; it reads `paused` when its trainer has ended', schema: wire.runDetailResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: toDetail(await pauseRun(ports, params.run_id)) }),
});

const checkpointOneRun = route({
  method: 'POST',
  path: '/runs/{run_id}/checkpoint',
  operationId: 'requestCheckpoint',
  summary: 'Have a run save a checkpoint after its present step, and go on',
  effect: 'acts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'Accepted; the checkpoint is in its list once it is saved', schema: wire.runDetailResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: toDetail(await requestCheckpoint(ports, params.run_id)) }),
});

const resumeOneRun = route({
  method: 'POST',
  path: '/runs/{run_id}/resume',
  operationId: 'resumeRun',
  summary: 'Let a paused run go on from its newest checkpoint',
  effect: 'acts',
  request: { params: wire.runParams },
  replies: { 200: { description: 'Accepted; it reads `paused`, with `waiting`, until it trains', schema: wire.runDetailResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: toDetail(await resumeRun(ports, params.run_id)) }),
});

const readRunLogs = route({
  method: 'GET',
  path: '/runs/{run_id}/logs',
  operationId: 'readRunLogs',
  summary: "A run's log, ascending, over all its attempts",
  request: { params: wire.runParams, query: wire.logsQuery },
  replies: { 200: { description: 'The lines', schema: wire.logsResponse, headers: LINK_HEADER } },
  errors: ['run_not_found'],
  handle: async ({ params, query: { after, limit, start, end, level, q }, ...context }, ports) => {
    const range = { start, end };
    const isSearch = level !== undefined || q !== undefined;
    const page = isSearch
      ? { ...(await searchLogs(ports, params.run_id, { after, limit, range, level, text: q })), total: null }
      : await readLogs(ports, params.run_id, { place: { after }, limit, range });
    return { status: 200, headers: nextLink(context, page.next), body: toLogs(page, page.total) };
  },
});

const readRunMetrics = route({
  method: 'GET',
  path: '/runs/{run_id}/metrics',
  operationId: 'readRunMetrics',
  summary: "A run's curves in a few points, over all its attempts",
  request: { params: wire.runParams, query: wire.metricsQuery },
  replies: { 200: { description: 'The curves', schema: wire.metricsResponse } },
  errors: ['run_not_found'],
  handle: async ({ params, query }, ports) => ({
    status: 200,
    body: toMetrics(await readMetrics(ports, params.run_id, toCurveQuery(query))),
  }),
});

const listRunCheckpoints = route({
  method: 'GET',
  path: '/runs/{run_id}/checkpoints',
  operationId: 'listRunCheckpoints',
  summary: 'The checkpoints that are kept, the highest step first',
  request: { params: wire.runParams },
  replies: { 200: { description: 'The checkpoints', schema: wire.checkpointListResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toCheckpoints(await getRun(ports, params.run_id), locateIn(ports)) }),
});

const getRunCheckpoint = route({
  method: 'GET',
  path: '/runs/{run_id}/checkpoints/{name}',
  operationId: 'getRunCheckpoint',
  summary: 'Get a checkpoint with its files',
  request: { params: wire.checkpointParams },
  replies: { 200: { description: 'The checkpoint', schema: wire.checkpointDetailResponse } },
  errors: ['run_not_found', 'artifact_not_found'],
  handle: async ({ params }, ports) => {
    const view = await getRun(ports, params.run_id);
    return { status: 200, body: toCheckpointDetail(view, await listCheckpointFiles(ports, view.run, params.name), locateIn(ports)) };
  },
});

const listRunArtifacts = route({
  method: 'GET',
  path: '/runs/{run_id}/artifacts',
  operationId: 'listRunArtifacts',
  summary: 'What a run made: results with their files, then checkpoints',
  request: { params: wire.runParams },
  replies: { 200: { description: 'The artifacts', schema: wire.artifactListResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toArtifacts(await getRun(ports, params.run_id), locateIn(ports)) }),
});

const downloadRunFile = route({
  method: 'GET',
  path: '/runs/{run_id}/artifacts/{path+}',
  operationId: 'downloadRunFile',
  summary: 'Fetch a file of what a run made',
  request: { params: wire.fileParams, query: wire.fileQuery },
  replies: {
    200: { description: 'With `link=true`: the link', schema: wire.fileLinkResponse },
    302: {
      description: 'To the bytes, by a link that is good for an hour and asks for no token',
      headers: { location: { description: 'the link', schema: z.string() } },
    },
  },
  errors: ['run_not_found', 'artifact_not_found'],
  handle: async ({ params, query }, ports) => {
    const file = await findFile(ports, params.run_id, params.path);
    return query.link ? { status: 200, body: toFileLink(file) } : { status: 302, headers: { location: file.link }, body: undefined };
  },
});

const deleteOneRun = route({
  method: 'DELETE',
  path: '/runs/{run_id}',
  operationId: 'deleteRun',
  summary: 'Delete a run that is over, and what it stored',
  description: 'Refused while it is not final, while an artifact of it is tagged, and where another run went on from its checkpoint.',
  request: { params: wire.runParams },
  replies: { 204: { description: 'It is gone' } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => {
    await deleteRun(ports, params.run_id);
    return { status: 204, body: undefined };
  },
});

const collectOldRuns = route({
  method: 'POST',
  path: '/runs/gc',
  operationId: 'collectGarbage',
  summary: "Delete many runs by age: those that are over, hold no tag and are nobody's beginning",
  description: 'Looks at `limit` runs, the newest first; `next` says where to go on.',
  effect: 'acts',
  request: { body: wire.garbageRequest },
  replies: { 200: { description: 'What was deleted, and what is kept for which reason', schema: wire.garbageResponse } },
  examples: { look: { older_than_days: 90, dry_run: true } },
  handle: async ({ body }, ports) => ({ status: 200, body: await collectGarbage(ports, toGarbageOrder(body, ports.clock.now())) }),
});

export const runRoutes = [
  deleteOneRun,
  collectOldRuns,
  listRunCheckpoints,
  getRunCheckpoint,
  listRunArtifacts,
  downloadRunFile,
  readRunLogs,
  readRunMetrics,
  listAllRuns,
  getOneRun,
  listRunEvents,
  stopOneRun,
  pauseOneRun,
  checkpointOneRun,
  resumeOneRun,
];
