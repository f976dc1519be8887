/** Replies and errors as they go out. One place decides headers, so that each answer of each API has the same. */
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { DomainError } from '#domain/errors.ts';
import type { Answer } from '#ports/answer-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Access } from './access.ts';
import { corsHeaders } from './cors.ts';
import type { Exchange, Log } from './exchange.ts';
import type { Reply } from './route.ts';
import type { Surface } from './surface.ts';

/** An answer before it has the headers of its request. Bytes travel as base64. */
export interface RenderedAnswer extends Answer {
  readonly isBase64Encoded: boolean;
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' } as const;

export function renderReply(reply: Reply): RenderedAnswer {
  if ('raw' in reply) {
    const isText = typeof reply.raw === 'string';
    return {
      status: reply.status,
      headers: { 'content-type': reply.contentType, ...reply.headers },
      body:
        typeof reply.raw === 'string'
          ? reply.raw
          : Buffer.from(reply.raw.buffer, reply.raw.byteOffset, reply.raw.byteLength).toString('base64'),
      isBase64Encoded: !isText,
    };
  }
  if (reply.body === undefined)
    return { status: reply.status, headers: { 'cache-control': 'no-store', ...reply.headers }, body: '', isBase64Encoded: false };
  return {
    status: reply.status,
    headers: reply.headers ? { ...JSON_HEADERS, ...reply.headers } : JSON_HEADERS,
    body: JSON.stringify(reply.body),
    isBase64Encoded: false,
  };
}

/** What a surface's errors need: `Surface` itself, or the plain envelope of unknown paths. */
export type ErrorWords = Pick<Surface, 'errors'>;

export function renderError(error: DomainError, { errors }: ErrorWords, exchange: Exchange): RenderedAnswer {
  return {
    status: errors.status[error.code],
    headers: { ...JSON_HEADERS, ...errorHeaders(error) },
    body: JSON.stringify(errors.body(error, { requestId: exchange.requestId, params: exchange.params })),
    isBase64Encoded: false,
  };
}

/** Retrying clients read these: `x-should-retry` overrides their habit of retrying every 409. */
function errorHeaders(error: DomainError): Readonly<Record<string, string>> | undefined {
  switch (error.code) {
    case 'transition_refused':
    case 'name_taken':
    case 'not_submitted':
    case 'idempotency_key_reused':
      return { 'x-should-retry': 'false' };
    case 'idempotency_in_flight':
    case 'plane_busy':
      return { 'retry-after': '1' };
    case 'unauthorized':
      return { 'www-authenticate': 'Bearer realm="tuneplane"' };
    case 'method_not_allowed':
      return typeof error.details.allow === 'string' ? { allow: error.details.allow } : undefined;
  }
}

interface Asked {
  readonly requestId: string;
  readonly method: string;
  readonly route: string | null;
}

/** Any error as one of ours. What nobody foresaw is logged with its text and answered without it. */
export function toDomainError(error: unknown, asked: Asked, log: Log): DomainError {
  if (error instanceof VersionConflict)
    return new DomainError('plane_busy', 'someone else changed the same thing at the same moment, try again');
  if (error instanceof DomainError && error.code !== 'internal' && !(error.code === 'plane_busy' && error.cause)) return error;
  log({
    level: 'error',
    event: 'request-failed',
    timestamp: new Date().toISOString(),
    ...asked,
    error: error instanceof Error ? error.name : typeof error,
    message: error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? error.stack : undefined,
    cause: error instanceof Error && error.cause instanceof Error ? error.cause.stack : undefined,
  });
  if (error instanceof DomainError && error.code === 'plane_busy') return error;
  return new DomainError('internal', `something went wrong here; the log has it as request ${asked.requestId}`);
}

/** The answer with the headers that belong to this request. HEAD is GET without the body. */
export function toResult(answer: RenderedAnswer, exchange: Exchange, access: Access): APIGatewayProxyStructuredResultV2 {
  const headers = { ...answer.headers, 'x-request-id': exchange.requestId, ...corsHeaders(access, exchange.event.headers.origin) };
  if (exchange.method === 'HEAD') return { statusCode: answer.status, headers };
  const result: APIGatewayProxyStructuredResultV2 = { statusCode: answer.status, headers, body: answer.body };
  if (answer.isBase64Encoded) result.isBase64Encoded = true;
  return result;
}
