/** What can be done with a run that a reply names, whichever API made it: links of the OpenAPI document. */
import type { Links } from '#http/route.ts';

const OPERATIONS = [
  'getRun',
  'listRunEvents',
  'readRunLogs',
  'readRunMetrics',
  'listRunCheckpoints',
  'listRunArtifacts',
  'stopRun',
  'pauseRun',
  'resumeRun',
  'deleteRun',
] as const;

/** @param pointer to the run's id in the body: `/job_id` */
export const linksOfRun = (pointer: string): Links =>
  Object.fromEntries(OPERATIONS.map((operationId) => [operationId, { run_id: pointer }]));

/** @param operations that take it as `job_id` */
export const linksOfJob = (pointer: string, ...operations: readonly string[]): Links =>
  Object.fromEntries(operations.map((operationId) => [operationId, { job_id: pointer }]));
