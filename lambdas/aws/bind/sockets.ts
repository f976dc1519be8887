import { setTimeout as sleep } from 'node:timers/promises';
import type { Ports } from '#ports/ports.ts';
import { Followers } from '#workers/followers.ts';
import type { ReadEnvironment } from '../environment.ts';
import type { DynamoTable } from '../table/dynamo-table.ts';
import { WebSocketConnections } from '../websocket-connections.ts';

type Sockets = Pick<ReadEnvironment<'stream'>, 'TUNEPLANE_WEBSOCKET_ENDPOINT'>;

export function openConnections({ TUNEPLANE_WEBSOCKET_ENDPOINT }: Sockets, table: DynamoTable): WebSocketConnections {
  const open = async () => (await import('../open/sockets.ts')).openSocketGateway(TUNEPLANE_WEBSOCKET_ENDPOINT);
  let gateway: ReturnType<typeof open> | null = null;
  return new WebSocketConnections({
    table,
    gateway: () => {
      gateway ??= open();
      return gateway;
    },
  });
}

export const openFollowers = (sockets: Sockets, table: DynamoTable, { runs }: Pick<Ports, 'runs'>): Followers =>
  new Followers({ runs, connections: openConnections(sockets, table), clock: { now: Date.now }, wait: sleep });
