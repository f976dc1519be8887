/** One request on its way through the chain, and the shape that both homes hand in and take back. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { Call, Route } from './route.ts';

/** An APIGatewayProxyHandlerV2 that always answers with a structured result. */
export type HttpHandler = (event: APIGatewayProxyEventV2, context: Context) => Promise<APIGatewayProxyStructuredResultV2>;

export interface Exchange {
  readonly event: APIGatewayProxyEventV2;
  readonly requestId: string;
  readonly method: string;
  /** of the path, as sent */
  readonly params: Readonly<Record<string, string | undefined>>;
  /** set by the chain's steps, in this order */
  route?: Route;
  caller?: string;
  content?: string | Buffer;
  idempotencyKey?: string;
  call?: Call;
}

export function openExchange(event: APIGatewayProxyEventV2, params: Exchange['params'] = event.pathParameters ?? {}): Exchange {
  return { event, requestId: event.requestContext.requestId, method: event.requestContext.http.method, params };
}

/** One structured line on stderr. Never a token, a signed link or a line of data: callers pass names, ids and errors. */
export type Log = (line: Readonly<Record<string, unknown>>) => void;

export const logToStderr: Log = (line) => {
  process.stderr.write(`${JSON.stringify(line)}\n`);
};
