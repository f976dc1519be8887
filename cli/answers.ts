/** What each command answers with `--json`: one schema a command. Most are the plane's own answers, under the plane's own names. */
import * as z from 'zod';
import { tokenResponse } from '../lambdas/surfaces/attempts/worker-schemas.ts';
import { artifactResponse, projectListResponse, projectResponse } from '../lambdas/surfaces/management/schemas.ts';
import {
  datasetListResponse,
  datasetPreviewResponse,
  datasetResponse,
  providerListResponse,
  workerListResponse,
} from '../lambdas/surfaces/runs/place-schemas.ts';
import {
  artifactListResponse,
  eventResponse,
  garbageResponse,
  logsResponse,
  metricsResponse,
  runDetailResponse,
  runListResponse,
} from '../lambdas/surfaces/runs/schemas.ts';
import { configListResponse, configResponse, configSaveResponse, planResponse } from '../lambdas/surfaces/sft/schemas.ts';
import { SHELLS } from './completion/shells.ts';

const upload = z.object({
  file: z.string().meta({ description: 'absolute path on this machine' }),
  dataset: z.string().meta({ description: 'what the run names it as', examples: ['dataset:poems-3f9a1c2b4d5e'] }),
  size_bytes: z.int(),
  rows: z.int(),
  sha256: z.string(),
});

const train = z.object({
  plan: planResponse,
  upload: upload
    .nullable()
    .meta({ description: 'the local file that was stored as a dataset; null where the plane reads the data itself' }),
  run: runDetailResponse.nullable().meta({ description: 'as it was accepted with -d, as it ended without; null with --dry-run' }),
});

const changed = z.array(runDetailResponse).meta({ description: 'the runs, as they are now' });

const download = z.object({
  folder: z.string().meta({ description: 'absolute' }),
  files: z.array(
    z.object({
      path: z.string().meta({ description: 'below the folder' }),
      size_bytes: z.int(),
      sha256: z.string().meta({ description: 'compared with the bytes on the disk' }),
      fetched: z.boolean().meta({ description: 'false: it was there already, whole' }),
    }),
  ),
});

export const CHECK_VERDICTS = ['ok', 'note', 'warning', 'failed'] as const;
const doctor = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      verdict: z.enum(CHECK_VERDICTS).meta({ description: 'note: worth knowing; warning: something will not work; failed: nothing will' }),
      finding: z.string(),
      remedy: z.string().nullable(),
    }),
  ),
});

const profiles = z.object({
  file: z.string(),
  current: z.string().nullable(),
  profiles: z.array(z.object({ name: z.string(), url: z.string(), has_token: z.boolean() })),
});

/** By the words that call the command. */
export const ANSWERS = {
  train,
  attach: runDetailResponse,
  ls: runListResponse,
  ps: runListResponse.omit({ next: true }),
  show: runDetailResponse,
  logs: logsResponse.shape.items.element,
  events: eventResponse,
  metrics: metricsResponse,
  stop: changed,
  pause: changed,
  checkpoint: changed,
  resume: runDetailResponse,
  delete: z.object({ deleted: z.array(z.string()) }),
  gc: garbageResponse.omit({ next: true }).extend({ dry_run: z.boolean() }),
  'artifacts ls': artifactListResponse,
  'artifacts download': download,
  tag: artifactResponse,
  'datasets ls': datasetListResponse,
  'datasets show': datasetPreviewResponse,
  'datasets put': datasetResponse,
  'configs ls': configListResponse,
  'configs show': configResponse,
  'configs save': configSaveResponse,
  'projects ls': projectListResponse,
  'projects show': projectResponse,
  'projects create': projectResponse,
  providers: z.object({ providers: providerListResponse.shape.items, workers: workerListResponse.shape.items }),
  deploy: z.object({ stage: z.string(), deployed: z.boolean().meta({ description: 'false: the plan alone was asked for' }) }),
  start: z.object({ url: z.string(), home: z.string(), unfinished_runs: z.int().meta({ description: 'found, and taken up' }) }),
  'worker run': z.object({
    name: z.string(),
    url: z.string().meta({ description: 'of the plane' }),
    home: z.string(),
    slots: z.int().meta({ description: 'runs at once' }),
    gpus: z.int(),
    engines: z.array(z.string()),
  }),
  'worker token': tokenResponse,
  quickstart: runDetailResponse,
  ask: z.array(z.object({ prompt: z.string(), base: z.string().nullable(), tuned: z.string() })),
  doctor,
  dashboard: z.object({ url: z.string(), opened: z.boolean().meta({ description: 'a browser was told to show it' }) }),
  'profiles ls': profiles,
  'profiles set': profiles,
  'profiles use': profiles,
  'profiles remove': profiles,
  completion: z.object({ shell: z.enum(SHELLS), script: z.string() }),
} as const satisfies Record<string, z.ZodType>;

/** Commands that answer line by line: each line is one JSON value. `ps -w` too, a whole answer a line. */
export const ANSWERS_BY_LINE: readonly AnswerName[] = ['logs', 'events'];

/** What stands on standard error when a command fails under `--json`. */
export const FAILURE_ANSWER = z.object({
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable(), exit_code: z.int() }),
});

export type AnswerName = keyof typeof ANSWERS;
export type AnswerOf<Name extends AnswerName> = z.infer<(typeof ANSWERS)[Name]>;
