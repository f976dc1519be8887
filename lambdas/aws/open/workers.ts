import { WorkerCompute } from '#compute/worker-compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Clock } from '#ports/workflow.ts';

/**
 * A worker that was not heard for 30 s gets nothing. A look is a request, a function and four calls of the table, some $0.000003: every
 * 10 s that is $0.80 a month for a worker.
 */
const LOOK_SECONDS = 10;

/** Run folders lie in the store: nothing is on a machine of the plane's, and there is no folder to be shared. */
export const openWorkers = (documents: DocumentStore, clock: Clock): WorkerCompute =>
  new WorkerCompute({ documents, clock, isOnPlane: () => false, lookSeconds: LOOK_SECONDS, mark: null });
