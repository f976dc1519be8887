import type { ErrorCode } from '#domain/errors.ts';
import { ERROR_TITLES, type ErrorTitles, errorBodySchema, type Surface, toErrorBody } from '#http/surface.ts';
import { sftRoutes } from './routes.ts';

const TITLES = { ...ERROR_TITLES, run_not_found: 'Job not found', transition_refused: 'Job cannot be stopped' } satisfies ErrorTitles;

export const sftSurface: Surface = {
  name: 'sft',
  description: 'Supervised fine-tuning: start, watch, stop; saved configurations',
  routes: sftRoutes,
  errors: {
    status: {
      invalid_request: 400,
      run_not_found: 404,
      config_not_found: 404,
      transition_refused: 409,
      idempotency_key_reused: 422,
      idempotency_in_flight: 409,
      unauthorized: 401,
      payload_too_large: 413,
      route_not_found: 404,
      method_not_allowed: 405,
      plane_busy: 503,
      internal: 500,
    } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error, TITLES),
    schema: errorBodySchema,
  },
};
