import type { ErrorCode } from '#domain/errors.ts';
import { ERROR_TITLES, type ErrorTitles, errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { trainingSvcRoutes } from './routes.ts';

const TITLES = { ...ERROR_TITLES, run_not_found: 'Job not found' } satisfies ErrorTitles;

export const trainingSvcSurface: Surface = {
  name: 'training-svc',
  description: 'LoRA and hypernetwork training of stored sessions and trajectories',
  routes: trainingSvcRoutes,
  errors: {
    status: { ...plainErrors.errors.status, invalid_request: 422 } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error, TITLES),
    schema: errorBodySchema,
  },
};
