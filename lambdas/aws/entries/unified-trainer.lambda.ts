import { unifiedTrainerSurface } from '#surfaces/unified-trainer/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(unifiedTrainerSurface);
