/** Binds an API to Lambda. Its handler is made anew every five minutes, with the tokens of that time: that costs a millisecond. */
import type { Access } from '#http/access.ts';
import type { HttpHandler } from '#http/exchange.ts';
import type { Surface } from '#http/surface.ts';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import { readEnvironment } from '../environment.ts';
import { openPlane } from '../plane.ts';
import { openAccess } from './access.ts';

const KEPT_MILLIS = 5 * 60_000;

export function bindSurface(surface: Surface | ((access: Access) => Surface)): HttpHandler {
  const environment = readEnvironment('api', process.env);
  const { ports } = openPlane(environment);
  const access = openAccess(environment);
  const make = (now: Access): HttpHandler => createSurfaceHandler(typeof surface === 'function' ? surface(now) : surface, ports, now);
  let made: { readonly handle: HttpHandler; readonly until: number } | null = null;
  return async (event, context) => {
    if (made === null || made.until < Date.now()) made = { handle: make(await access()), until: Date.now() + KEPT_MILLIS };
    return made.handle(event, context);
  };
}
