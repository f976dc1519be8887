import type { ErrorCode } from '#domain/errors.ts';
import { errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { managementRoutes } from './routes.ts';

export const managementSurface: Surface = {
  name: 'management',
  description: 'Projects, their runs, logs, artifacts and tags',
  routes: managementRoutes,
  errors: {
    status: { ...plainErrors.errors.status, invalid_request: 422 } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error),
    schema: errorBodySchema,
  },
};
