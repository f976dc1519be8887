import type { ErrorCode } from '#domain/errors.ts';
import { ERROR_TITLES, type ErrorTitles, errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { unifiedTrainerRoutes } from './routes.ts';

const TITLES = { ...ERROR_TITLES, run_not_found: 'Job not found', name_taken: 'Job exists' } satisfies ErrorTitles;

export const unifiedTrainerSurface: Surface = {
  name: 'unified-trainer',
  description: 'One request for every framework, with the checkpoint layout under a base of your own',
  routes: unifiedTrainerRoutes,
  errors: {
    status: { ...plainErrors.errors.status, invalid_request: 400, name_taken: 400 } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error, TITLES),
    schema: errorBodySchema,
  },
};
