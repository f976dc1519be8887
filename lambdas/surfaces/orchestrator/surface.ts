import * as z from 'zod';
import type { ErrorCode } from '#domain/errors.ts';
import { ERROR_TITLES, type ErrorTitles, errorBodySchema, plainErrors, type Surface, toErrorBody } from '#http/surface.ts';
import { orchestratorRoutes } from './routes.ts';

const TITLES = { ...ERROR_TITLES, run_not_found: 'Job not found', artifact_unavailable: 'Artifact not available' } satisfies ErrorTitles;

export const orchestratorSurface: Surface = {
  name: 'orchestrator',
  description: 'Jobs on any provider: create, submit, watch, cancel, download',
  routes: orchestratorRoutes,
  errors: {
    status: { ...plainErrors.errors.status, invalid_request: 400, transition_refused: 400, not_submitted: 400 } satisfies Record<
      ErrorCode,
      number
    >,
    body: (error, { params }) => ({ ...toErrorBody(error, TITLES), job_id: params['job_id'] ?? null }),
    schema: errorBodySchema
      .extend({ job_id: z.string().nullable().meta({ description: "the path's id, known or not; null where the path has none" }) })
      .meta({ id: 'OrchestratorError' }),
  },
};
