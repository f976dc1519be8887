import { join } from 'node:path';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { bindSurface } from '../bind/api.ts';

const loadSurfaces = async () => (await import('#surfaces/api-surfaces.ts')).API_SURFACES;

/** Beside the bundle: the files of /docs and /redoc, and the dashboard. */
const folders = { assets: join(import.meta.dirname, 'pages'), dashboard: join(import.meta.dirname, 'dashboard') };

export const handler = bindSurface((access) => createPlatformSurface(loadSurfaces, access, folders));
