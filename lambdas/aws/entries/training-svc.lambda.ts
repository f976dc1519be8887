import { trainingSvcSurface } from '#surfaces/training-svc/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(trainingSvcSurface);
