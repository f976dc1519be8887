/** Document 3: create, submit, watch, cancel, download. What the WebSocket says is in messages.ts, who may connect in workers/run-channel.ts. */
import * as z from 'zod';
import type { RunView } from '#domain/run.ts';
import { LINK_HEADER, MAX_PAGE, nextLink } from '#http/paging.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { downloadArtifact, findTrained } from '#operations/download-artifact.ts';
import { getRun } from '#operations/get-run.ts';
import { countRuns, listRuns } from '#operations/list-runs.ts';
import { orderRun } from '#operations/order-run.ts';
import { pauseRun } from '#operations/pause-run.ts';
import { resumeRun } from '#operations/resume-run.ts';
import { stopAndWait } from '#operations/stop-and-wait.ts';
import { submitRun } from '#operations/submit-run.ts';
import { issueTicket, type Ticket } from '#operations/tickets.ts';
import type { Ports } from '#ports/ports.ts';
import { linksOfJob, linksOfRun } from '../run-links.ts';
import * as wire from './schemas.ts';
import * as to from './translate.ts';

const status = (ports: Ports, view: RunView) => ({ status: 200, body: to.toStatus(view, findTrained(ports, view)) });

const LINKS = {
  ...linksOfRun('/job_id'),
  ...linksOfJob(
    '/job_id',
    'getOrchestratorJob',
    'getOrchestratorJobStatus',
    'submitOrchestratorJob',
    'cancelOrchestratorJob',
    'pauseOrchestratorJob',
    'resumeOrchestratorJob',
    'downloadOrchestratorArtifact',
  ),
};

const createJob = route({
  method: 'POST',
  path: '/api/training/jobs',
  operationId: 'createOrchestratorJob',
  summary: 'Create a job; it trains when it is submitted to a provider',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.createRequest },
  replies: {
    201: {
      description: 'Created',
      schema: wire.jobResponse,
      links: LINKS,
      headers: { location: { description: 'where it can be read', schema: z.string() } },
    },
  },
  examples: { tiny: { base_model: 'tiny-llama', dataset: 'examples/alpaca.jsonl', hyperparameters: { max_steps: 100 } } },
  handle: async ({ body, remember }, ports) => {
    const reply = (view: RunView) => ({
      status: 201,
      headers: { location: `/api/training/jobs/${view.run.id}` },
      body: to.toJob(view, null),
    });
    return reply(await orderRun(ports, to.toOrder(body), (view) => remember(reply(view))));
  },
});

const listJobs = route({
  method: 'GET',
  path: '/api/training/jobs',
  operationId: 'listOrchestratorJobs',
  summary: 'List jobs, newest first',
  request: { query: wire.listQuery },
  replies: { 200: { description: 'The jobs', schema: wire.jobListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const filter = to.toFilter(query);
    const [page, total] = await Promise.all([listRuns(ports, filter, query.limit ?? MAX_PAGE, query.after), countRuns(ports, filter)]);
    return { status: 200, headers: nextLink(context, page.next), body: { jobs: page.items.map(to.toSummary), total } };
  },
});

const getJob = route({
  method: 'GET',
  path: '/api/training/jobs/{job_id}',
  operationId: 'getOrchestratorJob',
  summary: 'Get a job',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The job', schema: wire.jobResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => {
    const view = await getRun(ports, params.job_id);
    return { status: 200, body: to.toJob(view, findTrained(ports, view)) };
  },
});

const getJobStatus = route({
  method: 'GET',
  path: '/api/training/jobs/{job_id}/status',
  operationId: 'getOrchestratorJobStatus',
  summary: 'Get the status of a job with its current metrics',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The status', schema: wire.statusResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => status(ports, await getRun(ports, params.job_id)),
});

const submitJob = route({
  method: 'POST',
  path: '/api/training/jobs/{job_id}/submit',
  operationId: 'submitOrchestratorJob',
  summary: 'Submit a created job to a provider',
  effect: 'acts',
  request: { params: wire.jobParams, body: wire.submitRequest },
  replies: { 200: { description: 'Submitted', schema: wire.submitResponse } },
  errors: ['run_not_found', 'transition_refused'],
  examples: { local: { provider: 'local' } },
  handle: async ({ params, body }, ports) => ({
    status: 200,
    body: to.toSubmission(await submitRun(ports, params.job_id, body.provider)),
  }),
});

const cancelJob = route({
  method: 'POST',
  path: '/api/training/jobs/{job_id}/cancel',
  operationId: 'cancelOrchestratorJob',
  summary: 'Cancel a job; a live one saves a final checkpoint, which is waited for 5 s at most',
  effect: 'acts',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'Accepted, and irrevocable', schema: wire.cancelResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toCancellation(await stopAndWait(ports, params.job_id)) }),
});

const pauseJob = route({
  method: 'POST',
  path: '/api/training/jobs/{job_id}/pause',
  operationId: 'pauseOrchestratorJob',
  summary: 'Pause a running job: checkpoint, process ends, its place is free',
  effect: 'acts',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'Accepted: it reads paused when its process has ended', schema: wire.statusResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => status(ports, await pauseRun(ports, params.job_id)),
});

const resumeJob = route({
  method: 'POST',
  path: '/api/training/jobs/{job_id}/resume',
  operationId: 'resumeOrchestratorJob',
  summary: 'Let a paused job go on from its checkpoint',
  effect: 'acts',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'Accepted: it reads running when it trains again', schema: wire.statusResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => status(ports, await resumeRun(ports, params.job_id)),
});

const downloadJobArtifact = route({
  method: 'POST',
  path: '/api/training/jobs/{job_id}/download-artifact',
  operationId: 'downloadOrchestratorArtifact',
  summary: 'Where the trained adapter is, its hash compared with the stored bytes',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The artifact', schema: wire.downloadResponse } },
  errors: ['run_not_found', 'not_submitted', 'artifact_unavailable', 'artifact_corrupt'],
  handle: async ({ params }, ports) => ({ status: 200, body: to.toDownload(await downloadArtifact(ports, params.job_id)) }),
});

const issueJobTicket = route({
  method: 'POST',
  path: '/ws/tickets',
  operationId: 'issueOrchestratorTicket',
  summary: "A ticket for the WebSocket of one job, for browsers, which cannot set a token's header",
  effect: 'creates',
  request: { body: wire.ticketRequest },
  replies: {
    201: {
      description: 'Good once, for 60 s',
      schema: wire.ticketResponse,
      headers: { location: { description: 'what to connect to', schema: z.string() } },
    },
  },
  errors: ['run_not_found'],
  examples: { job: { job_id: 'run_01k7c8r1e2f3g4h5j6k7m8n9p0' } },
  handle: async ({ body, remember }, ports) => {
    const reply = (ticket: Ticket) => ({ status: 201, headers: { location: to.toTicket(ticket).url }, body: to.toTicket(ticket) });
    return reply(await issueTicket(ports, body.job_id, (ticket) => remember(reply(ticket))));
  },
});

export const orchestratorRoutes = [
  createJob,
  listJobs,
  getJob,
  getJobStatus,
  submitJob,
  cancelJob,
  pauseJob,
  resumeJob,
  downloadJobArtifact,
  issueJobTicket,
];
