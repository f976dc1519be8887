/** Everything that can go wrong by a caller's doing or the plane's, as a closed list. Surfaces choose status and wording. */
export const ERROR_CODES = [
  'invalid_request',
  'run_not_found',
  'config_not_found',
  'project_not_found',
  'artifact_not_found',
  'adapter_not_found',
  'session_not_found',
  'trajectory_not_found',
  'dataset_not_found',
  'transition_refused',
  'name_taken',
  'artifact_unavailable',
  'artifact_corrupt',
  'not_submitted',
  'not_a_checkpoint',
  'idempotency_key_reused',
  'idempotency_in_flight',
  'unauthorized',
  'payload_too_large',
  'route_not_found',
  'method_not_allowed',
  'plane_busy',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** One thing wrong with a request: where, and what is allowed there. */
export interface Problem {
  /** dotted path into the body, e.g. `config.learning_rate`; empty for the body itself */
  readonly path: string;
  /** lower case, no full stop: "must be above 0 and at most 1, got 7" */
  readonly message: string;
}

export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }
}

/** All problems of a request at once; the message lists each with its path. */
export class InvalidRequest extends DomainError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(
      'invalid_request',
      problems.map((problem) => (problem.path ? `${problem.path}: ${problem.message}` : problem.message)).join('; '),
      { problems },
    );
    this.name = 'InvalidRequest';
    this.problems = problems;
  }
}
