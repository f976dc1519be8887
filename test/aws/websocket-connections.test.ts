import { ApiGatewayManagementApiClient, GoneException } from '@aws-sdk/client-apigatewaymanagementapi';
import { expect, test } from 'vitest';
import { ApiGatewaySockets } from '#aws/api-gateway-sockets.ts';
import { PollingBell } from '#aws/polling-bell.ts';
import { WebSocketConnections } from '#aws/websocket-connections.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Connection } from '#workers/followers.ts';
import { clientOptions } from '../support/aws-clients.ts';
import { anEvent, aRun, EPOCH } from '../support/builders.ts';
import { wrapRequests } from '../support/call-counter.ts';
import { openTable } from '../support/table-world.ts';

async function openConnections() {
  const { table, runs } = await openTable();
  const run = aRun();
  await runs.create(run, [anEvent(run)]);
  const client = new ApiGatewayManagementApiClient(clientOptions());
  const connections = new WebSocketConnections({ table, gateway: async () => new ApiGatewaySockets(client) });
  const bell = new PollingBell({ table, wait: async () => {} });
  const connection = (id: string): Connection => ({ id, runId: run.id, place: null, connectedAt: EPOCH, toldAt: EPOCH });
  return { client, table, connections, bell, run, runs, connection };
}

test('keeps connections by run and by themselves, and how far each was told', async () => {
  const { connections, connection, run } = await openConnections();
  await connections.add(connection('c1'));
  await connections.add(connection('c2'));
  const place = { sequence: 7, report: { attempt: 1, workSequence: 3 } };

  await connections.move(connection('c1'), place, EPOCH + 5);
  await connections.remove('c2');
  await connections.remove('c2');
  await connections.move(connection('c2'), place, EPOCH + 5);

  expect(await connections.of(run.id)).toEqual([{ ...connection('c1'), place, toldAt: EPOCH + 5 }]);
});

test('marks a run while somebody follows it, and not longer', async () => {
  const { connections, connection, bell, run } = await openConnections();
  expect(await bell.isFollowed(run.id)).toBe(false);

  await connections.add(connection('c1'));
  expect([await bell.isFollowed(run.id), await connections.followedRuns()]).toEqual([true, [run.id]]);
  await connections.unfollow(run.id);
  expect(await bell.isFollowed(run.id)).toBe(true);

  await connections.remove('c1');
  await connections.unfollow(run.id);
  expect([await bell.isFollowed(run.id), await connections.followedRuns()]).toEqual([false, []]);
});

test('does not take the mark of one who comes while the last one goes', async () => {
  const { connections, connection, bell, table, run } = await openConnections();
  await connections.add(connection('old'));
  await connections.remove('old');
  const query = table.query.bind(table);
  table.query = async (...args) => {
    table.query = query;
    const found = await query(...args);
    await connections.add(connection('new'));
    return found;
  };

  await connections.unfollow(run.id);

  expect([await bell.isFollowed(run.id), await connections.followedRuns()]).toEqual([true, [run.id]]);
});

test('follows no run that is gone', async () => {
  const { connections, connection, run, runs } = await openConnections();
  await runs.remove(run.id, 1);

  await expect(connections.add(connection('c1'))).rejects.toThrow(VersionConflict);
  expect(await connections.of(run.id)).toEqual([]);
});

test('a mark on a run leaves its record as it is', async () => {
  const { connections, connection, run, runs } = await openConnections();

  await connections.add(connection('c1'));

  expect((await runs.get(run.id))?.run).toEqual(run);
});

test('a connection that is gone is told apart from a gateway that is away', async () => {
  const { client, connections } = await openConnections();
  let answer: Error | null = new GoneException({ message: 'gone', $metadata: {} });
  wrapRequests(client, 'initialize', async () => {
    if (answer) throw answer;
    return { output: { $metadata: {} } };
  });

  expect(await connections.send('c1', '{}')).toBe(false);
  answer = new Error('LimitExceeded');
  await expect(connections.send('c1', '{}')).rejects.toThrow('LimitExceeded');
  answer = null;
  expect(await connections.send('c1', '{}')).toBe(true);
});
