/** What each of the five documents, and our own API, calls each standing of a run. Written from the documents; the plane's own tables are not looked at. */
import type { Standing } from './modelled-run.ts';

type Words = Readonly<Record<Standing, string>>;

const TRAINING_SVC: Words = {
  created: 'queued',
  queued: 'queued',
  'queued-again': 'running',
  initializing: 'queued',
  'initializing-again': 'running',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

const UNIFIED_TRAINER: Words = {
  created: 'submitted',
  queued: 'submitted',
  'queued-again': 'submitted',
  initializing: 'submitted',
  'initializing-again': 'submitted',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  completed: 'succeeded',
  failed: 'failed',
  stopped: 'failed',
};

export const ORCHESTRATOR: Words = {
  created: 'created',
  queued: 'initializing',
  'queued-again': 'running',
  initializing: 'initializing',
  'initializing-again': 'running',
  running: 'running',
  paused: 'paused',
  stopping: 'stopped',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

export const MANAGEMENT: Words = {
  created: 'queued',
  queued: 'queued',
  'queued-again': 'running',
  initializing: 'queued',
  'initializing-again': 'running',
  running: 'running',
  paused: 'paused',
  stopping: 'cancelled',
  completed: 'completed',
  failed: 'failed',
  stopped: 'cancelled',
};

export const SFT: Words = {
  created: 'pending',
  queued: 'pending',
  'queued-again': 'running',
  initializing: 'pending',
  'initializing-again': 'running',
  running: 'running',
  paused: 'running',
  stopping: 'stopped',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

export const OURS: Words = {
  created: 'created',
  queued: 'queued',
  'queued-again': 'queued',
  initializing: 'initializing',
  'initializing-again': 'initializing',
  running: 'running',
  paused: 'paused',
  stopping: 'stopping',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

export interface View {
  readonly api: string;
  readonly path: (id: string, project: string) => string;
  /** the field that says it */
  readonly field: string;
  readonly words: Words;
}

export const VIEWS: readonly View[] = [
  { api: 'training-svc', path: (id) => `/jobs/${id}`, field: 'status', words: TRAINING_SVC },
  { api: 'unified trainer', path: (id) => `/train/${id}`, field: 'status', words: UNIFIED_TRAINER },
  { api: 'orchestrator', path: (id) => `/api/training/jobs/${id}/status`, field: 'state', words: ORCHESTRATOR },
  { api: 'management', path: (id, project) => `/projects/${project}/runs/${id}`, field: 'status', words: MANAGEMENT },
  { api: 'sft', path: (id) => `/api/sft/jobs/${id}`, field: 'status', words: SFT },
  { api: 'runs', path: (id) => `/runs/${id}`, field: 'state', words: OURS },
];
