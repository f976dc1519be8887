import { runsSurface } from '#surfaces/runs/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(runsSurface);
