import type { APIGatewayProxyStructuredResultV2, APIGatewayProxyWebsocketEventV2 } from 'aws-lambda';
import { createHandler } from '#workers/websocket.ts';
import { readEnvironment } from '../environment.ts';
import { openTable } from '../open/table.ts';
import { DynamoDocumentStore } from '../table/dynamo-document-store.ts';
import { DynamoRunStore } from '../table/dynamo-run-store.ts';
import { openAccess } from './access.ts';
import { openConnections } from './sockets.ts';

export function bindWebSocket(): (event: APIGatewayProxyWebsocketEventV2) => Promise<APIGatewayProxyStructuredResultV2> {
  const environment = readEnvironment('websocket', process.env);
  const table = openTable(environment.TUNEPLANE_TABLE);
  const clock = { now: Date.now };
  const ports = { runs: new DynamoRunStore(table, { clock }), documents: new DynamoDocumentStore(table, { clock }), clock };
  return createHandler(ports, { access: openAccess(environment), connections: openConnections(environment, table) });
}
