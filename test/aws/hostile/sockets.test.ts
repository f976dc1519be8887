/** A gateway that says 410 of connections that are only coming, and a table that does what tables do. */
import { createServer } from 'node:http';
import { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi';
import { expect, onTestFinished, test } from 'vitest';
import { ApiGatewaySockets } from '#aws/api-gateway-sockets.ts';
import { WebSocketConnections } from '#aws/websocket-connections.ts';
import { Followers } from '#workers/followers.ts';
import { clientOptions } from '../../support/aws-clients.ts';
import { anEvent, aRun, EPOCH } from '../../support/builders.ts';
import { HostileAws } from '../../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient, openTable } from '../../support/table-world.ts';

/** Takes whatever is posted to a connection. */
async function openGateway() {
  const posted: string[] = [];
  const server = createServer((request, response) => {
    const id = String(request.url).split('/').at(-1);
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      posted.push(`${id} ${JSON.parse(body).data.state}`);
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return { posted, endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}

test('whoever connects is greeted once, and hears every change in order', async () => {
  const hostile = new HostileAws(5);
  const { posted, endpoint } = await openGateway();
  const { table, runs } = await openTable(hostile.harden(makeDynamoClient()));
  const client = hostile.harden(new ApiGatewayManagementApiClient({ ...clientOptions(), endpoint }));
  const connections = new WebSocketConnections({ table, gateway: async () => new ApiGatewaySockets(client) });
  const followers = new Followers({ runs, connections, clock: { now: () => EPOCH }, wait: async () => {} });
  const run = aRun({ state: 'queued' });
  await runs.create(run, [anEvent(run)]);

  for (const id of ['a', 'b']) await connections.add({ id, runId: run.id, place: null, connectedAt: EPOCH, toldAt: EPOCH });
  await followers.tell(run.id);
  const running = { ...run, state: 'running' as const, version: 2 };
  await runs.change(running, 1, [anEvent(running, { type: 'state-changed' })]);
  await followers.tell(run.id);
  await followers.tell(run.id);

  expect(posted.filter((line) => line.startsWith('a '))).toEqual(['a initializing', 'a running']);
  expect(posted.filter((line) => line.startsWith('b '))).toEqual(['b initializing', 'b running']);
  expect([...hostile.struck.keys()]).toContain('a connection is said to be gone while its $connect is still being answered');
});
