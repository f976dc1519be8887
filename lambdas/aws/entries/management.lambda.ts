import { managementSurface } from '#surfaces/management/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(managementSurface);
