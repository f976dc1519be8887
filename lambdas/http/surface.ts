/** A surface is one API: its routes, and its own words and statuses for the plane's closed list of errors. */
import * as z from 'zod';
import { type DomainError, ERROR_CODES, type ErrorCode, InvalidRequest } from '#domain/errors.ts';
import type { Route } from './route.ts';

export interface ErrorContext {
  readonly requestId: string;
  /** the path's parameters as sent, not validated; empty where no route matched */
  readonly params: Readonly<Record<string, string | undefined>>;
}

export interface Surface {
  /** `sft`: the tag in the OpenAPI document, and the function's name on AWS */
  readonly name: string;
  readonly description: string;
  readonly routes: readonly Route[];
  readonly errors: {
    /** written out with `satisfies Record<ErrorCode, number>`, so that a new code breaks the build and no client */
    readonly status: Readonly<Record<ErrorCode, number>>;
    /** has at least `error` (a short message), `detail` (a sentence) and `code`; never the text of an unknown error: that is `internal` here already */
    readonly body: (error: DomainError, context: ErrorContext) => unknown;
    /** of what `body` gives, for the OpenAPI document; needs `.meta({ id })` */
    readonly schema: z.ZodType;
  };
}

/** What every error body has, in every API. */
export const errorBodySchema = z
  .looseObject({
    error: z.string().meta({ description: 'a short message' }),
    detail: z.string().meta({ description: 'what was wrong, the value given, what is allowed' }),
    code: z.enum(ERROR_CODES).meta({ description: 'stable, for programs' }),
    problems: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'of an invalid request: the same as `detail`, each with the path of its field' }),
  })
  .meta({ id: 'Error', description: 'Every error has these three.' });

export type ErrorTitles = Readonly<Record<ErrorCode, string>>;

/** The short messages; a surface that calls runs jobs spreads these and sets its own: `{ ...ERROR_TITLES, run_not_found: 'Job not found' }`. */
export const ERROR_TITLES = {
  invalid_request: 'Invalid request',
  run_not_found: 'Run not found',
  config_not_found: 'Config not found',
  project_not_found: 'Project not found',
  artifact_not_found: 'Artifact not found',
  adapter_not_found: 'Adapter not found',
  session_not_found: 'Session not found',
  trajectory_not_found: 'Trajectory not found',
  dataset_not_found: 'Dataset not found',
  transition_refused: 'Not possible in this state',
  name_taken: 'Name taken',
  artifact_unavailable: 'Artifact not available',
  artifact_corrupt: 'Artifact corrupt',
  not_submitted: 'Not on a provider',
  not_a_checkpoint: 'Not a checkpoint of this run',
  idempotency_key_reused: 'Idempotency key reused',
  idempotency_in_flight: 'Request in flight',
  unauthorized: 'Unauthorized',
  payload_too_large: 'Payload too large',
  route_not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  plane_busy: 'Busy',
  internal: 'Internal error',
} satisfies ErrorTitles;

/** The body most surfaces use; the orchestrator adds `job_id`. */
export function toErrorBody(error: DomainError, titles: ErrorTitles = ERROR_TITLES): z.infer<typeof errorBodySchema> {
  const body = { error: titles[error.code], detail: error.message, code: error.code };
  return error instanceof InvalidRequest ? { ...body, problems: [...error.problems] } : body;
}

/** For what belongs to no API: unknown paths, and the plane's own few routes. */
export const plainErrors: Pick<Surface, 'errors'> = {
  errors: {
    status: {
      invalid_request: 400,
      run_not_found: 404,
      config_not_found: 404,
      project_not_found: 404,
      artifact_not_found: 404,
      adapter_not_found: 404,
      session_not_found: 404,
      trajectory_not_found: 404,
      dataset_not_found: 404,
      transition_refused: 409,
      name_taken: 409,
      artifact_unavailable: 404,
      artifact_corrupt: 500,
      not_submitted: 409,
      not_a_checkpoint: 422,
      idempotency_key_reused: 422,
      idempotency_in_flight: 409,
      unauthorized: 401,
      payload_too_large: 413,
      route_not_found: 404,
      method_not_allowed: 405,
      plane_busy: 503,
      internal: 500,
    } satisfies Record<ErrorCode, number>,
    body: (error) => toErrorBody(error),
    schema: errorBodySchema,
  },
};
