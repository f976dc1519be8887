/**
 * The one chain that every API goes through, in both homes.
 *
 *   match       the route that API Gateway (or the local server) chose; it says who may call and how much it takes
 *   authorize   before anything of the request is read: who has no token costs us no parsing
 *   read        size, then content type and JSON; what is wrong is kept for the next step
 *   check       path, query, body and Idempotency-Key against their schemas: all problems in one answer
 *   answer      the handler, once per Idempotency-Key
 *   onError     whatever was thrown, in the words of the surface
 *
 * Both ends meet in `toResult`: x-request-id, CORS, HEAD. middy's own HTTP middlewares are not used: five APIs have five error
 * envelopes, and each of theirs answers in plain text.
 */
import middy from '@middy/core';
import { DomainError, InvalidRequest, type Problem } from '#domain/errors.ts';
import type { Ports } from '#ports/ports.ts';
import { type Access, createTokenCheck } from './access.ts';
import { type RenderedAnswer, renderError, renderReply, toDomainError, toResult } from './answer.ts';
import { type Exchange, type HttpHandler, type Log, logToStderr, openExchange } from './exchange.ts';
import { answerOnce, keyProblem, toAnswerKey } from './idempotency.ts';
import { parseBody, parseNoBody, readBody } from './request-body.ts';
import type { RequestContext } from './route.ts';
import { routeKeys } from './route-table.ts';
import type { Surface } from './surface.ts';

export function createSurfaceHandler(surface: Surface, ports: Ports, access: Access, log: Log = logToStderr): HttpHandler {
  const routes = new Map(surface.routes.flatMap((route) => routeKeys(route).map((key) => [key, route])));
  const callerOf = createTokenCheck(access);

  function match(exchange: Exchange): void {
    const { routeKey, rawPath } = exchange.event;
    const route = routes.get(routeKey);
    // Whether API Gateway takes `/jobs/` for `/jobs` is nowhere written; here it never is.
    if (!route || (rawPath.endsWith('/') && !route.path.endsWith('/')))
      throw new DomainError('route_not_found', `no route ${exchange.method} ${rawPath.slice(0, 200)}`);
    exchange.route = route;
  }

  async function authorize(exchange: Exchange): Promise<void> {
    exchange.caller = exchange.route?.auth === 'token' ? await callerOf(exchange.event.headers) : 'anyone';
  }

  function read(exchange: Exchange): void {
    exchange.content = readBody(exchange.event, exchange.route?.maxBodyBytes ?? 0, exchange.route?.whenTooLarge);
  }

  function check(exchange: Exchange): void {
    const { event, route, content = '' } = exchange;
    if (!route) return;
    const contentType = event.headers['content-type'];
    const parsed = route.schemas.body
      ? parseBody(content, contentType, route.consumes)
      : route.effect
        ? parseNoBody(content, contentType)
        : {};
    const checked = route.check({ params: exchange.params, query: event.queryStringParameters ?? {}, body: undefined, ...parsed });
    const problems: Problem[] = 'problems' in checked ? [...checked.problems] : [];
    const key = route.effect && event.headers['idempotency-key'];
    if (key !== undefined) {
      const message = keyProblem(key);
      if (message) problems.push({ path: 'Idempotency-Key', message });
      exchange.idempotencyKey = key;
    }
    if ('problems' in checked || problems.length > 0) throw new InvalidRequest(problems);
    exchange.call = checked.call;
  }

  async function answer(exchange: Exchange): Promise<RenderedAnswer> {
    const { event, route, call, caller = '', idempotencyKey } = exchange;
    if (!route || !call) throw new Error('the chain went on without a route');
    const context: RequestContext = {
      id: exchange.requestId,
      caller,
      method: route.method,
      path: event.rawPath,
      search: event.rawQueryString,
      headers: event.headers,
      remember: () => undefined,
    };
    if (idempotencyKey === undefined || !route.effect) return renderReply(await call(context, ports));
    return await answerOnce(ports, {
      key: toAnswerKey({ ...context, key: idempotencyKey }, exchange.content ?? ''),
      effect: route.effect,
      perform: async (remember) => {
        try {
          return renderReply(await call({ ...context, remember }, ports));
        } catch (error) {
          if (error instanceof DomainError && isKept(error)) return renderError(error, surface, exchange);
          throw error;
        }
      },
    });
  }

  const isKept = (error: DomainError): boolean => error.code !== 'invalid_request' && surface.errors.status[error.code] < 500;

  const chain = middy<Exchange, RenderedAnswer, Error>({ timeoutEarlyInMillis: 0 }) // Lambda's own timeout is the limit; a timer per request is not free
    .before(({ event }) => match(event))
    .before(({ event }) => authorize(event))
    .before(({ event }) => read(event))
    .before(({ event }) => check(event))
    .onError(({ event, error }) => renderError(toDomainError(error, toAsked(event), log), surface, event))
    .handler(answer);

  return async (event, context) => {
    const exchange = openExchange(event);
    return toResult(await chain(exchange, context), exchange, access);
  };
}

const toAsked = ({ requestId, method, route }: Exchange) => ({ requestId, method, route: route?.path ?? null });
