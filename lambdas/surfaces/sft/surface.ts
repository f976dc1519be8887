import type { ErrorCode } from '#domain/errors.ts';
import { ERROR_TITLES, type ErrorTitles, errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { sftRoutes } from './routes.ts';

const TITLES = { ...ERROR_TITLES, run_not_found: 'Job not found', transition_refused: 'Job cannot be stopped' } satisfies ErrorTitles;

export const sftSurface: Surface = {
  name: 'sft',
  description: 'Supervised fine-tuning: start, watch, stop; saved configurations',
  routes: sftRoutes,
  errors: {
    status: { ...plainErrors.errors.status, invalid_request: 400 } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error, TITLES),
    schema: errorBodySchema,
  },
};
