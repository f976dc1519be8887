import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { EPOCH } from './builders.ts';

export interface GatewayRequest {
  readonly method?: string;
  readonly path?: string;
  /** the template that API Gateway matched, without the method; default: the path; null: none, `$default` */
  readonly route?: string | null;
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  /** JSON is made of anything but text */
  readonly body?: unknown;
  readonly requestId?: string;
}

/** An event as API Gateway makes it for a JSON request. */
export function gatewayEvent({
  method = 'GET',
  path = '/lanterns',
  route = path,
  params,
  query,
  headers = {},
  body,
  requestId = 'req-1',
}: GatewayRequest): APIGatewayProxyEventV2 {
  const routeKey = route === null ? '$default' : `${method} ${route}`;
  const event: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: new URLSearchParams(query).toString(),
    headers: { host: 'localhost', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    requestContext: {
      accountId: '1',
      apiId: 'api',
      domainName: 'localhost',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId,
      routeKey,
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: EPOCH,
    },
    isBase64Encoded: false,
  };
  if (params) event.pathParameters = params;
  if (query) event.queryStringParameters = query;
  if (body !== undefined) event.body = typeof body === 'string' ? body : JSON.stringify(body);
  return event;
}

export const lambdaContext: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'test',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:test',
  memoryLimitInMB: '128',
  awsRequestId: 'aws-request-1',
  logGroupName: 'test',
  logStreamName: 'test',
  getRemainingTimeInMillis: () => 1_000,
  done: () => {},
  fail: () => {},
  succeed: () => {},
};
