import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpHandler } from '#http/exchange.ts';
import { type Method, route } from '#http/route.ts';
import { plainErrors, type Surface } from '#http/surface.ts';
import { type HttpServer, startHttpServer } from '#local/http-server.ts';
import { EPOCH } from '../support/builders.ts';
import { sendRaw } from '../support/raw-socket.ts';
import { RAW_REQUEST_ROUTES, RAW_REQUESTS } from './raw-requests.ts';

let server: HttpServer;
const seen: APIGatewayProxyEventV2[] = [];

beforeAll(async () => {
  const keep: HttpHandler = async (event) => {
    seen.push(event);
    return { statusCode: 200, body: '' };
  };
  const methods: Readonly<Record<string, Method>> = { GET: 'GET', POST: 'POST', PUT: 'PUT' };
  const surface: Surface = {
    name: 'things',
    description: '',
    ...plainErrors,
    routes: RAW_REQUEST_ROUTES.map((key, index) => {
      const [method = '', path = ''] = key.split(' ');
      return route({
        method: methods[method] ?? 'GET',
        path,
        operationId: `route${index}`,
        summary: '',
        replies: {},
        handle: async () => ({ status: 200, body: null }),
      });
    }),
  };
  server = await startHttpServer({
    port: 0,
    surfaces: [{ surface, handle: keep }],
    fallback: keep,
    access: { tokens: ['x'], allowedOrigins: [] },
    now: () => EPOCH,
  });
});
afterAll(() => server.close());

describe('a request on the wire becomes the event of API Gateway: it', () => {
  test.each(RAW_REQUESTS)('$does', async ({ raw, event: expected }) => {
    const { status } = await sendRaw(server.port, raw);

    const arrived = seen.pop();
    if (status !== 200 || !arrived) throw new Error(`no event arrived, and the answer is ${status}`);
    const { headers, requestContext, ...event } = arrived;
    expect(event).toEqual({
      version: '2.0',
      routeKey: expected.routeKey,
      rawPath: expected.rawPath,
      rawQueryString: expected.rawQueryString ?? '',
      isBase64Encoded: expected.isBase64Encoded ?? false,
      ...(expected.queryStringParameters && { queryStringParameters: expected.queryStringParameters }),
      ...(expected.pathParameters && { pathParameters: expected.pathParameters }),
      ...(expected.cookies && { cookies: expected.cookies }),
      ...(expected.body !== undefined && { body: expected.body }),
    });
    expect(requestContext).toMatchObject({
      http: {
        method: expected.method,
        path: expected.rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: expected.userAgent ?? '',
      },
      domainName: 'api.example.com',
      routeKey: expected.routeKey,
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: EPOCH,
    });
    for (const [name, value] of Object.entries(expected.headers ?? {})) expect(headers[name], name).toBe(value);
  });
});
