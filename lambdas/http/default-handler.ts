/** API Gateway's `$default`: what no route takes. Unknown paths, known paths with another method, and the browsers' preflight. */
import { DomainError } from '#domain/errors.ts';
import type { Access } from './access.ts';
import { type ErrorWords, type RenderedAnswer, renderError, renderReply, toResult } from './answer.ts';
import { preflightHeaders } from './cors.ts';
import { type Exchange, type HttpHandler, openExchange } from './exchange.ts';
import { type RouteMatch, RouteTable } from './route-table.ts';
import { plainErrors, type Surface } from './surface.ts';

/** Asks for no token: it says nothing that `/openapi.json` does not say to everyone. */
export function createDefaultHandler(surfaces: readonly Surface[], access: Access): HttpHandler {
  const table = new RouteTable(surfaces);
  const nearest = surfaceFinder(surfaces);

  return async (event) => {
    const path = event.rawPath;
    const known = table.findAny(path);
    const exchange = openExchange(event, known?.params);
    const answer = known
      ? answerKnown(exchange, known, [...table.methodsAt(path), 'OPTIONS'].join(', '))
      : refuseUnknown(exchange, nearest(path), hint(table, path));
    return toResult(answer, exchange, access);
  };

  function answerKnown(exchange: Exchange, { surface }: RouteMatch, allow: string): RenderedAnswer {
    const { rawPath, headers } = exchange.event;
    if (exchange.method !== 'OPTIONS') {
      return renderError(
        new DomainError('method_not_allowed', `${shorten(rawPath)} answers ${allow}, got ${shorten(exchange.method)}`, { allow }),
        surface,
        exchange,
      );
    }
    return renderReply({ status: 204, headers: { allow, ...preflightHeaders(access, headers.origin, allow) }, body: undefined });
  }
}

function refuseUnknown(exchange: Exchange, words: ErrorWords, suggestion: string): RenderedAnswer {
  const { rawPath } = exchange.event;
  return renderError(
    new DomainError('route_not_found', `no route ${shorten(exchange.method)} ${shorten(rawPath)}${suggestion}`),
    words,
    exchange,
  );
}

/** The API that a path seems to belong to: the longest fixed beginning of a route that it shares. An error there has that API's fields. */
function surfaceFinder(surfaces: readonly Surface[]): (path: string) => ErrorWords {
  const beginnings = surfaces
    .flatMap((surface) => surface.routes.map(({ path }) => ({ beginning: path.replace(/\/\{.*$/, '').replace(/\/$/, ''), surface })))
    .filter(({ beginning }) => beginning !== '')
    .sort((a, b) => b.beginning.length - a.beginning.length);
  return (path) => beginnings.find(({ beginning }) => path === beginning || path.startsWith(`${beginning}/`))?.surface ?? plainErrors;
}

/** The commonest slip. */
function hint(table: RouteTable, path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  return trimmed !== path && table.findAny(trimmed) ? `, did you mean ${shorten(trimmed)}` : '';
}

const shorten = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text).toWellFormed();
