import { orchestratorSurface } from '#surfaces/orchestrator/surface.ts';
import { bindSurface } from '../bind/api.ts';

export const handler = bindSurface(orchestratorSurface);
