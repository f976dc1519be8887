/**
 * The sockets of a gateway (`/ws/training/jobs/{job_id}`, which the front door turns into `?job_id=`). A handshake is answered only where
 * the caller may follow that job; else it is refused, in the orchestrator's words. The snapshot cannot be sent from here, since the
 * connection is there only when this has answered: the mark on the run rings the stream, whose consumer sends it.
 *
 * Source: docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
 */
import type { APIGatewayProxyStructuredResultV2, APIGatewayProxyWebsocketEventV2 } from 'aws-lambda';
import * as z from 'zod';
import type { Access } from '#http/access.ts';
import { toDomainError } from '#http/answer.ts';
import { type Log, logToStderr } from '#http/exchange.ts';
import type { Ports } from '#ports/ports.ts';
import { orchestratorSurface } from '#surfaces/orchestrator/surface.ts';
import type { Connections } from './followers.ts';
import { admit } from './run-channel.ts';

const ROUTE = '/ws/training/jobs/{job_id}';

/** What the types of API Gateway leave out for $connect. */
const handshakeSchema = z.object({
  headers: z.record(z.string(), z.string().optional()).default({}),
  queryStringParameters: z.record(z.string(), z.string().optional()).nullish(),
});

export interface WebSocketOptions {
  readonly access: () => Promise<Access>;
  readonly connections: Connections;
  readonly log?: Log;
}

export function createHandler(
  ports: Pick<Ports, 'runs' | 'documents' | 'clock'>,
  { access, connections, log = logToStderr }: WebSocketOptions,
): (event: APIGatewayProxyWebsocketEventV2) => Promise<APIGatewayProxyStructuredResultV2> {
  async function connect(event: APIGatewayProxyWebsocketEventV2): Promise<APIGatewayProxyStructuredResultV2> {
    const { headers, queryStringParameters } = handshakeSchema.parse(event);
    const jobId = queryStringParameters?.['job_id'] ?? '';
    const { connectionId, requestId } = event.requestContext;
    try {
      const { view, after } = await admit(ports, await access(), {
        jobId,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        ticket: queryStringParameters?.['ticket'] ?? null,
        after: queryStringParameters?.['after'] ?? null,
      });
      const now = ports.clock.now();
      const place = after === null ? null : { sequence: after, report: null };
      await connections.add({ id: connectionId, runId: view.run.id, place, connectedAt: now, toldAt: now });
      return { statusCode: 200 };
    } catch (error) {
      const known = toDomainError(error, { requestId, method: 'GET', route: ROUTE }, log);
      const { status, body } = orchestratorSurface.errors;
      return {
        statusCode: status[known.code],
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body(known, { requestId, params: { job_id: jobId } })),
      };
    }
  }

  return async (event) => {
    const { eventType, connectionId } = event.requestContext;
    if (eventType === 'CONNECT') return connect(event);
    if (eventType === 'DISCONNECT') await connections.remove(connectionId);
    return { statusCode: 200 }; // clients have nothing to say here
  };
}
