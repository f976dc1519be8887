/** Binds what no route takes. It knows the routes of every API, and loads them when the first such request comes: that is nobody's hot path. */
import type { Access } from '#http/access.ts';
import type { HttpHandler } from '#http/exchange.ts';
import { readEnvironment } from '../environment.ts';

export function bindDefault(): HttpHandler {
  // Says nothing that the open document does not say: it needs no token, only the origins of browsers.
  const access: Access = { tokens: [], allowedOrigins: readEnvironment('default', process.env).TUNEPLANE_ALLOWED_ORIGINS };
  let loading: Promise<HttpHandler> | null = null;
  return async (event, context) => {
    loading ??= load(access);
    return (await loading)(event, context);
  };
}

async function load(access: Access): Promise<HttpHandler> {
  const [{ createDefaultHandler }, { API_SURFACES }, { createPlatformSurface }] = await Promise.all([
    import('#http/default-handler.ts'),
    import('#surfaces/api-surfaces.ts'),
    import('#surfaces/platform/surface.ts'),
  ]);
  return createDefaultHandler([createPlatformSurface(API_SURFACES, access), ...API_SURFACES], access);
}
