import type { APIGatewayProxyWebsocketEventV2 } from 'aws-lambda';
import { expect, test } from 'vitest';
import { issueTicket } from '#operations/tickets.ts';
import { createHandler } from '#workers/websocket.ts';
import { MemoryConnections } from '../support/memory-connections.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const TOKEN = 'a-token';

async function openSockets() {
  const plane = new MemoryPlane();
  const connections = new MemoryConnections();
  const access = async () => ({ tokens: [TOKEN], allowedOrigins: [] });
  const handle = createHandler(plane.ports, { access, connections, log: () => {} });
  const runId = await plane.create();
  return { plane, connections, handle, runId };
}

function event(
  eventType: string,
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
): APIGatewayProxyWebsocketEventV2 {
  return {
    headers,
    queryStringParameters: query,
    requestContext: { eventType, connectionId: 'c1', requestId: 'r1', routeKey: `$${eventType.toLowerCase()}` },
    isBase64Encoded: false,
  } as never;
}

test.each([
  ['X-Trainer-Token', TOKEN],
  ['Authorization', `Bearer ${TOKEN}`],
])('takes a connection with a token in %s', async (name, value) => {
  const { connections, handle, runId, plane } = await openSockets();

  expect(await handle(event('CONNECT', { job_id: runId }, { [name]: value }))).toEqual({ statusCode: 200 });

  expect(connections.known.get('c1')).toEqual({ id: 'c1', runId, place: null, connectedAt: plane.now, toldAt: plane.now });
});

test('takes a ticket once, for its job', async () => {
  const { connections, handle, runId, plane } = await openSockets();
  const { ticket } = await issueTicket(plane.ports, runId);

  const first = await handle(event('CONNECT', { job_id: runId, ticket, after: '3' }));
  const second = await handle(event('CONNECT', { job_id: runId, ticket }));

  expect([first.statusCode, second.statusCode]).toEqual([200, 401]);
  expect(connections.known.get('c1')?.place).toEqual({ sequence: 3, report: null });
});

test.each([
  ['without a token', {}, {}, 401, 'unauthorized'],
  ['with a wrong token', {}, { 'x-trainer-token': 'wrong' }, 401, 'unauthorized'],
  ['for a job that there is not', { job_id: 'run_none' }, { 'x-trainer-token': TOKEN }, 404, 'run_not_found'],
  ['without a job', { job_id: '' }, { 'x-trainer-token': TOKEN }, 404, 'run_not_found'],
  ['with a wrong `after`', { after: 'soon' }, { 'x-trainer-token': TOKEN }, 400, 'invalid_request'],
])("refuses a handshake %s, in the orchestrator's words", async (_, query, headers, status, code) => {
  const { connections, handle, runId } = await openSockets();

  const result = await handle(event('CONNECT', { job_id: runId, ...query }, headers as Record<string, string>));

  expect(result.statusCode).toBe(status);
  expect(JSON.parse(result.body ?? '')).toMatchObject({ code, job_id: expect.any(String) });
  expect(connections.known.size).toBe(0);
});

test('forgets a connection that ends, and bears one that was never there', async () => {
  const { connections, handle, runId } = await openSockets();
  await handle(event('CONNECT', { job_id: runId }, { 'x-trainer-token': TOKEN }));

  await handle(event('DISCONNECT'));
  await handle(event('DISCONNECT'));

  expect(connections.known.size).toBe(0);
});

test('what a client says is heard and not answered', async () => {
  const { handle } = await openSockets();

  expect(await handle(event('MESSAGE'))).toEqual({ statusCode: 200 });
});
