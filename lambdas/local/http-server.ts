/**
 * The front door of one machine: what API Gateway is on AWS, on Node's own server. It reads a request whole, finds the route in the
 * tables, makes the event and sends the result; everything else is the surface's. Nothing that a client sends may end the process.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Context } from 'aws-lambda';
import type { Access } from '#http/access.ts';
import { type HttpHandler, type Log, logToStderr } from '#http/exchange.ts';
import { RouteTable } from '#http/route-table.ts';
import type { Surface } from '#http/surface.ts';
import type { ServeFile } from './file-downloads.ts';
import { readTarget, sendResult, toEvent } from './http-event.ts';
import { refusalOf } from './loopback-guard.ts';
import { endSocket } from './raw-answer.ts';

/** API Gateway's hard limit: "Payload size 10 MB", docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const MAX_BODY_BYTES = 10 * 1_024 * 1_024;
/** A whole request within 30 s, its headers within 10: who sends slower holds a connection for nothing. */
const REQUEST_MILLIS = 30_000;
const HEADERS_MILLIS = 10_000;
/** Longer than clients and proxies keep an idle connection (60 s), so that they close it and no request meets a closing door. */
const KEEP_ALIVE_MILLIS = 65_000;

export interface HttpServerOptions {
  /** 0: any that is free */
  readonly port: number;
  /** default 127.0.0.1 */
  readonly host?: string;
  readonly surfaces: readonly { readonly surface: Surface; readonly handle: HttpHandler }[];
  /** what no route takes: `createDefaultHandler(...)` */
  readonly fallback: HttpHandler;
  readonly access: Access;
  /** milliseconds since 1970; default Date.now */
  readonly now?: () => number;
  readonly log?: Log;
  /** stored files by signed links, streamed in and out: asked before any route */
  readonly serveFile?: ServeFile;
  /** WebSockets: called for every request that asks for an upgrade; without it they are refused */
  readonly upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

export interface HttpServer {
  readonly port: number;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Takes nothing new, lets what is in flight end for so long (default 10 s), then cuts it off. */
  close(graceMillis?: number): Promise<void>;
}

const DRAIN_MILLIS = 2_000;

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '::1']);

/** @throws Error with code EADDRINUSE where the port is taken; Error where a plane without a token would be open to the network */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { port, host = '127.0.0.1', access, log = logToStderr } = options;
  if (access.tokens.length === 0 && !LOOPBACK_HOSTS.has(host))
    throw new Error(`without a token the server listens on loopback only, not on ${host}; set TRAINER_API_TOKEN`);
  const listener = createListener(options, log);
  const server = createServer(
    {
      requestTimeout: 0, // an upload may take an hour; bodies of requests have a limit of their own, below
      headersTimeout: HEADERS_MILLIS,
      keepAliveTimeout: KEEP_ALIVE_MILLIS,
      noDelay: true,
      requireHostHeader: false,
    },
    listener,
  );
  server.on('checkExpectation', listener); // an Expect that Node does not know is a request like any other, not an empty 417
  server.on('clientError', refuseBrokenRequest);
  server.on('upgrade', (request, socket: Socket, head) => {
    const refusal = refusalOf(request, access, true);
    if (refusal !== undefined) endSocket(socket, 403, toErrorBody(403, 'unauthorized', refusal));
    else if (options.upgrade) options.upgrade(request, socket, head);
    else endSocket(socket, 404, toErrorBody(404, 'route_not_found', 'no WebSocket here'));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  server.on('error', (error) => log({ level: 'error', event: 'server-failed', message: error.message }));
  const address = portOf(server);
  return {
    port: address,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address}`,
    close: (graceMillis = 10_000) => closeGently(server, graceMillis),
  };
}

function createListener({ surfaces, fallback, access, serveFile, now = Date.now }: HttpServerOptions, log: Log) {
  const table = new RouteTable(surfaces.map(({ surface }) => surface));
  const handlers = new Map(surfaces.map(({ surface, handle }) => [surface, handle]));

  async function answer(request: IncomingMessage, response: ServerResponse, body: Buffer | undefined): Promise<void> {
    try {
      const target = readTarget(request.url ?? '/');
      const match = table.find(request.method ?? 'GET', target.path);
      const handle = (match && handlers.get(match.surface)) ?? fallback;
      const event = toEvent({ request, target, routeKey: match?.routeKey ?? '$default', pathParameters: match?.params, body, now: now() });
      sendResult(await handle(event, CONTEXT), response, request.method === 'HEAD');
    } catch (error) {
      log({
        level: 'error',
        event: 'answer-failed',
        message: error instanceof Error ? error.message : String(error),
        stack: error instanceof Error ? error.stack : undefined,
      });
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'internal', 'something went wrong here; the log has it');
    }
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const { host, 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (host === undefined && request.httpVersion === '1.1') {
      refuse(response, 400, 'invalid_request', 'a Host header is required');
      return;
    }
    const refusal = refusalOf(request, access);
    if (refusal !== undefined) {
      refuse(response, 403, 'unauthorized', refusal);
      return;
    }
    if (serveFile?.(request, response)) return;
    if (length === undefined && encoding === undefined) void answer(request, response, undefined);
    else readBody(request, response, (body) => void answer(request, response, body));
  };
}

/** The whole body or nothing: a client that goes away in the middle is forgotten, one that sends too much is told so and cut off. */
function readBody(request: IncomingMessage, response: ServerResponse, whenRead: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const take = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else {
      request.removeListener('end', finish);
      refuseSize(request.removeListener('data', take), response);
    }
  };
  const limit = setTimeout(() => {
    request.removeListener('end', finish).removeListener('data', take).resume();
    refuse(response, 408, 'invalid_request', 'the request took too long to arrive');
  }, REQUEST_MILLIS);
  request.once('close', () => clearTimeout(limit));
  const finish = () => whenRead(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes));
  request.on('error', () => response.destroy()); // the client went away; there is nobody to tell
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    refuseSize(request, response);
    return;
  }
  request.on('data', take);
  request.on('end', finish);
}

/** The answer goes out at once; what still comes is thrown away for a moment, since a socket closed on unread bytes takes the answer with it. */
function refuseSize(request: IncomingMessage, response: ServerResponse): void {
  const body = toErrorText(413, 'payload_too_large', `a request must be at most ${MAX_BODY_BYTES} bytes`);
  response.writeHead(413, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.write(body);
  const end = () => {
    clearTimeout(patience);
    response.end();
  };
  const patience = setTimeout(end, DRAIN_MILLIS);
  request.once('close', end).resume();
}

/** For what is refused before any surface is known: the three fields that every error has. */
function refuse(response: ServerResponse, status: number, code: string, detail: string): void {
  const body = toErrorText(status, code, detail);
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

const toErrorBody = (status: number, code: string, detail: string) => ({ error: STATUS_CODES[status] ?? 'Error', detail, code });
const toErrorText = (status: number, code: string, detail: string): string => JSON.stringify(toErrorBody(status, code, detail));

/** What Node's parser threw out. There is no response object: the answer is written by hand, if the client still listens. */
function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const detail =
    status === 431 ? 'the headers are too large' : status === 408 ? 'the request took too long to arrive' : 'this is not an HTTP request';
  endSocket(socket, status, toErrorBody(status, 'invalid_request', detail));
}

async function closeGently(server: Server, graceMillis: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), 50); // kept alive after their last answer, they would stay for a minute
  const cutOff = setTimeout(() => server.closeAllConnections(), graceMillis);
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** What a Lambda is told of its surroundings. Handlers of ours read nothing of it; the chain wants one. */
const CONTEXT: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'local',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:local',
  memoryLimitInMB: '0',
  awsRequestId: 'local',
  logGroupName: 'local',
  logStreamName: 'local',
  getRemainingTimeInMillis: () => REQUEST_MILLIS,
  done: () => {},
  fail: () => {},
  succeed: () => {},
};
