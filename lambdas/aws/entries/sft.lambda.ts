import { sftSurface } from '#surfaces/sft/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(sftSurface);
