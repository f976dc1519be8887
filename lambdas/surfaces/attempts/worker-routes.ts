/** What a machine of the user's own says to the plane that it works for: `tuneplane worker`. */
import { bearerToken } from '#http/access.ts';
import { route } from '#http/route.ts';
import { lookForWork } from '#operations/look-for-work.ts';
import * as wire from './worker-schemas.ts';
import { fromReport, toWork } from './worker-translate.ts';

const issueToken = route({
  method: 'POST',
  path: '/workers/{worker}/token',
  operationId: 'issueWorkerToken',
  summary: "A token for a worker: opens that worker's own routes and nothing else",
  description: 'The same name always gets the same token. It is good until the key of the plane is another one.',
  request: { params: wire.workerParams },
  replies: { 200: { description: 'To be kept on that machine', schema: wire.tokenResponse } },
  handle: async ({ params: { worker } }, ports) => ({
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: { worker, token: await ports.machineTokens.issue('worker', worker) },
  }),
});

const look = route({
  method: 'POST',
  path: '/workers/{worker}/look',
  operationId: 'lookForWork',
  summary: 'A worker says what it has, and hears what to do',
  description:
    "Wants the worker's token. It comes again after `wait_seconds`, one look at a time: a worker that is silent for two minutes is no longer waited for, and its runs go elsewhere. `start` names an attempt again until the worker holds it; it is claimed like any other (`POST /attempts/{attempt}/claim`).",
  auth: 'machine',
  request: { params: wire.workerParams, body: wire.lookBody },
  replies: { 200: { description: 'What to do', schema: wire.workResponse } },
  errors: ['name_taken', 'transition_refused'],
  handle: async ({ params, body, headers }, ports) => ({
    status: 200,
    body: toWork(await lookForWork(ports, params.worker, bearerToken(headers), fromReport(body))),
  }),
});

export const workerRoutes = [issueToken, look];
