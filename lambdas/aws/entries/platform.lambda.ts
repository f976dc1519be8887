import { join } from 'node:path';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { bindSurface } from '../bind/api.ts';

const loadSurfaces = async () => (await import('#surfaces/api-surfaces.ts')).API_SURFACES;

/** The pages' own files lie beside the bundle. */
export const handler = bindSurface((access) => createPlatformSurface(loadSurfaces, access, join(import.meta.dirname, 'pages')));
