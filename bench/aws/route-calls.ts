/** What each route of each API asks of AWS, counted: one good request to the function's own entry, its tokens known from the one before. */
import type { HttpHandler } from '#http/exchange.ts';
import type { Route } from '#http/route.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { gatewayEvent, lambdaContext } from '../../test/support/gateway-event.ts';
import type { AwsCall } from './counting-proxy.ts';
import { type EmulatedPlane, TOKEN } from './emulated-plane.ts';
import { type Ask, askEveryRoute } from './route-requests.ts';

export interface RouteFigures {
  readonly surface: string;
  readonly route: string;
  readonly status: number;
  readonly calls: readonly AwsCall[];
}

/** Routes of pages and documents: of the platform, without parameters. */
const PLATFORM = createPlatformSurface(API_SURFACES, { tokens: [TOKEN], allowedOrigins: [] });

/** @returns one for each route. @throws Error where one is not asked, or answers with an error */
export async function countRouteCalls(world: EmulatedPlane): Promise<RouteFigures[]> {
  const surfaces = [PLATFORM, ...API_SURFACES];
  const handlers = new Map<string, HttpHandler>();
  for (const { name } of surfaces) handlers.set(name, (await import(`../../lambdas/aws/entries/${name}.lambda.ts`)).handler);
  const routes = new Map<string, { surface: string; route: Route }>();
  for (const { name, routes: ofSurface } of surfaces)
    for (const route of ofSurface) routes.set(route.operationId, { surface: name, route });
  const figures = new Map<string, RouteFigures>();

  const ask: Ask = async (operationId, { params = {}, query = {}, body, headers = {} } = {}) => {
    const { surface, route } = routes.get(operationId) ?? {};
    const handler = handlers.get(surface ?? '');
    if (!surface || !route || !handler) throw new Error(`no route ${operationId}`);
    const path = route.path.replace(/\{(\w+)\+?\}/g, (_, name: string) => params[name] ?? '');
    const event = gatewayEvent({
      method: route.method,
      path,
      route: route.path,
      params,
      query,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(body !== undefined && { body }),
    });
    world.take();
    const answer = await handler(event, lambdaContext);
    const calls = world.take();
    const { statusCode = 0, body: text = '' } = typeof answer === 'string' ? { body: answer } : answer;
    if (statusCode >= 400) throw new Error(`${operationId}: ${statusCode} ${text.slice(0, 500)}`);
    // Asked more often, the first counts.
    if (!figures.has(operationId)) figures.set(operationId, { surface, route: `${route.method} ${route.path}`, status: statusCode, calls });
    return text.startsWith('{') ? JSON.parse(text) : {};
  };

  for (const surface of surfaces) await warm(handlers.get(surface.name));
  for (const { operationId, path } of PLATFORM.routes) if (!path.includes('{')) await ask(operationId);
  await askEveryRoute(world, ask);
  const left = [...routes].filter(
    ([id, { route }]) => !figures.has(id) && !route.path.startsWith('/assets') && !route.path.startsWith('/docs/'),
  );
  if (left.length > 0) throw new Error(`no request was made of ${left.map(([id]) => id).join(', ')}`);
  return [...figures.values()];
}

/** The first request of a function reads who may ask. */
async function warm(handler: HttpHandler | undefined): Promise<void> {
  await handler?.(gatewayEvent({ path: '/nowhere', route: null }), lambdaContext);
}
