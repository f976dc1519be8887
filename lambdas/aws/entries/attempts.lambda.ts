import { attemptsSurface } from '#surfaces/attempts/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(attemptsSurface);
