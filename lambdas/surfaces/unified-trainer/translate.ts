/** The unified trainer's words <-> ours. Pure. */
import type * as z from 'zod';
import { InvalidRequest, type Problem } from '#domain/errors.ts';
import { defaultJobName, toArgv } from '#domain/job-names.ts';
import type { Run, RunView } from '#domain/run.ts';
import { planRun } from '#domain/run-request.ts';
import { type Standing, standingOf } from '#domain/run-standing.ts';
import { findProblems } from '#http/validation.ts';
import type { NewJob } from '#operations/create-job.ts';
import { extraArgs, type jobStatusResponse, type STATUSES, type TrainRequest } from './schemas.ts';

type Status = (typeof STATUSES)[number];

const STATUS: Readonly<Record<Standing, Status>> = {
  created: 'submitted',
  queued: 'submitted',
  'queued-again': 'submitted', // the document's conditions allow the way back
  initializing: 'submitted',
  'initializing-again': 'submitted',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  completed: 'succeeded',
  failed: 'failed',
  stopped: 'failed',
};
export const toStatus = (run: Run): Status => STATUS[standingOf(run)];

/** The document's default name always means the trainer that is configured. */
const CONFIGURED_IMAGE = 'ghcr.io/deepfinery/trainer:latest';

/** @throws InvalidRequest */
export function toNewJob(request: TrainRequest, allowedImages: readonly string[]): NewJob {
  const { args, problems } = readExtraArgs(request.extra_args ?? {});
  const { dataset_format, peft_method, ...hyperparameters } = args;
  if (request.image !== undefined && request.image !== CONFIGURED_IMAGE && !allowedImages.includes(request.image)) {
    const allowed = [CONFIGURED_IMAGE, ...allowedImages].join(', ');
    problems.push({
      path: 'image',
      message: `must be one of those that this plane allows (${allowed}), got '${request.image.slice(0, 100)}'`,
    });
  }
  const { plan, problems: planProblems } = planRun(
    {
      baseModel: request.model_id,
      dataset: request.dataset_uri,
      framework: request.framework,
      peftMethod: peft_method ?? 'lora',
      hyperparameters,
      dataset_format,
      method: request.method,
      provider: request.provider,
      max_runtime: request.max_runtime,
      env: request.env,
      compute: { node_count: request.num_nodes, gpus_per_node: request.gpus_per_node },
    },
    { base: 'model_id', dataset: 'dataset_uri', prefix: 'extra_args.' },
  );
  problems.push(...planProblems);
  if (problems.length > 0) throw new InvalidRequest(problems);
  const { labels, annotations, namespace, image, cpus_per_node, memory_per_node_gb, config_path } = request;
  return {
    jobName: request.job_name ?? defaultJobName(request.framework, request.run_id),
    runId: request.run_id,
    base: request.checkpoint_base_uri,
    resume: request.resume_from_checkpoint ?? false,
    order: {
      api: 'unified-trainer',
      plan,
      request,
      name: null,
      projectId: 'proj_default',
      provider: request.provider ?? null,
      outputDir: null,
      submit: true,
      metadata: {
        argv: toArgv(request.extra_args ?? {}),
        ...withoutMissing({ labels, annotations, namespace, image, cpus_per_node, memory_per_node_gb, config_path }),
      },
    },
  };
}

const withoutMissing = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const KNOWN_ARGS = Object.keys(extraArgs.shape);
const FLAGS = new Set(['packing', 'keep_best']);

/** null and false are as good as not given, where false is no value of its own. */
function readExtraArgs(given: NonNullable<TrainRequest['extra_args']>): { args: z.infer<typeof extraArgs>; problems: Problem[] } {
  const known: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (!KNOWN_ARGS.includes(name))
      problems.push({ path: `extra_args.${name}`, message: `is not known, known are: ${KNOWN_ARGS.join(', ')}` });
    else if (value !== null && (value !== false || FLAGS.has(name))) known[name] = value;
  }
  const parsed = extraArgs.safeParse(known);
  if (parsed.success) return { args: parsed.data, problems };
  problems.push(...findProblems(extraArgs, known).map(({ path, message }) => ({ path: `extra_args.${path}`, message })));
  return { args: {}, problems };
}

const SENTENCE: Readonly<Record<Status, string>> = {
  submitted: 'PyTorchJob submitted',
  running: 'PyTorchJob pods active',
  succeeded: 'PyTorchJob completed',
  failed: 'PyTorchJob failed',
};

export function toJobStatus(view: RunView): z.infer<typeof jobStatusResponse> {
  const status = toStatus(view.run);
  return toResponse(view, status, [SENTENCE[status], ...facts(view)]);
}

/** The answer to a creation. */
export const toCreated = (view: RunView): z.infer<typeof jobStatusResponse> =>
  toResponse(view, toStatus(view.run), ['PyTorchJob created', ...notesOf(view.run)]);

function toResponse({ run }: RunView, status: Status, detail: readonly string[]): z.infer<typeof jobStatusResponse> {
  const isOurs = run.api === 'unified-trainer';
  return {
    name: (isOurs ? run.name : null) ?? run.id,
    status,
    detail: detail.join('; '),
    framework: run.training.framework,
    run_id: isOurs && typeof run.metadata['runId'] === 'string' ? run.metadata['runId'] : run.id,
    job_id: run.id,
    failure: run.failure,
  };
}

const notesOf = ({ metadata: { notes } }: Run): string[] => (Array.isArray(notes) ? notes.filter((note) => typeof note === 'string') : []);

/** What we add to the document's words. */
function facts({ run, progress }: RunView): string[] {
  switch (run.state) {
    case 'running':
      return progress ? [progress.steps === null ? `step ${progress.step}` : `step ${progress.step} of ${progress.steps}`] : [];
    case 'paused':
      return ['paused', ...(run.waiting ? [run.waiting.sentence] : [])];
    case 'stopping':
      return ['stopping: a final checkpoint is being saved'];
    case 'completed':
      return run.result?.location ? [`the result is in ${run.result.location}`] : [];
    case 'failed':
      return run.failure ? [`${run.failure.message} (${run.failure.remedy})`] : [];
    case 'stopped':
      return [`stopped: ${run.stopDetail?.message ?? 'on request'}`];
    default:
      return run.waiting ? [run.waiting.sentence] : [];
  }
}
