/** What belongs to no API: is it alive, is it ready, what does it offer. Open to everyone, and silent about runs. */
import type { Access } from '#http/access.ts';
import { plainErrors, type Surface } from '#http/surface.ts';
import { CHANNELS } from '../channels.ts';
import { platformRoutes } from './routes.ts';

type Surfaces = readonly Surface[];

interface PlatformFolders {
  /** where the files of /docs and /redoc lie; default: in node_modules */
  readonly assets?: string;
  /** the built dashboard; without it `/` leads to /docs */
  readonly dashboard?: string;
}

/** @param others the surfaces whose routes `/openapi.json` describes beside these, or how they are loaded when it is asked for */
export function createPlatformSurface(
  others: Surfaces | (() => Promise<Surfaces>),
  access: Access,
  { assets, dashboard }: PlatformFolders = {},
): Surface {
  const surface: Surface = {
    name: 'platform',
    description: 'Health, readiness and this documentation.',
    ...plainErrors,
    routes: platformRoutes({
      surfaces: async () => [...(typeof others === 'function' ? await others() : others), surface],
      channels: CHANNELS,
      tokenRequired: access.tokens.length > 0,
      assetFolder: assets,
      dashboardFolder: dashboard,
    }),
  };
  return surface;
}
