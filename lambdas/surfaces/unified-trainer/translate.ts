/** The unified trainer's words <-> ours. Pure. */
import type * as z from 'zod';
import { CONFIGURED_IMAGE, isCustomImage } from '#domain/custom-program.ts';
import type { Problem } from '#domain/errors.ts';
import { defaultJobName, toArgv } from '#domain/job-names.ts';
import type { Run, RunView } from '#domain/run.ts';
import type { RunRequest } from '#domain/run-request.ts';
import { type Standing, standingOf } from '#domain/run-standing.ts';
import { findProblems } from '#http/validation.ts';
import type { NewJob } from '#operations/create-job.ts';
import type { ConfigArguments } from '#operations/read-config.ts';
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

/** @param config what the file of `config_path` holds; `extra_args` win over it */
export function toNewJob(request: TrainRequest, config: ConfigArguments, allowedImages: readonly string[]): NewJob {
  const { args, problems } = readArguments({ config_path: config, extra_args: request.extra_args ?? {} }, isCustomImage(request.image));
  const { dataset_format, peft_method, ...hyperparameters } = args;
  if (isCustomImage(request.image) && !allowedImages.includes(request.image)) {
    const allowed = [CONFIGURED_IMAGE, ...allowedImages].join(', ');
    problems.push({
      path: 'image',
      message: `must be one of those that this plane allows (${allowed}), got '${request.image.slice(0, 100)}'`,
    });
  }
  const { labels, annotations, namespace, image, cpus_per_node, memory_per_node_gb, config_path } = request;
  return {
    jobName: request.job_name ?? defaultJobName(request.framework, request.run_id),
    runId: request.run_id,
    base: request.checkpoint_base_uri,
    resume: request.resume_from_checkpoint ?? false,
    order: {
      api: 'unified-trainer',
      asked: {
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
        secrets: request.secrets,
        compute: toCompute(request, problems),
      },
      at: { base: 'model_id', dataset: 'dataset_uri', prefix: 'extra_args.' },
      problems,
      request,
      name: null,
      projectId: 'proj_default',
      outputDir: null,
      submit: true,
      metadata: {
        argv: toArgv({ ...config, ...request.extra_args }),
        ...withoutMissing({ labels, annotations, namespace, image, cpus_per_node, memory_per_node_gb, config_path }),
      },
    },
  };
}

/** The document's own fields and `compute` say the same; a value in both is a problem where they differ. */
function toCompute({ num_nodes, gpus_per_node, compute }: TrainRequest, problems: Problem[]): RunRequest['compute'] {
  for (const [name, own, other] of [
    ['node_count', num_nodes, compute?.node_count],
    ['gpus_per_node', gpus_per_node, compute?.gpus_per_node],
  ] as const)
    if (own !== undefined && other !== undefined && own !== other)
      problems.push({
        path: `compute.${name}`,
        message: `must not differ from ${name === 'node_count' ? 'num_nodes' : name}, which is ${own}, got ${other}`,
      });
  return { ...compute, node_count: num_nodes ?? compute?.node_count, gpus_per_node: gpus_per_node ?? compute?.gpus_per_node };
}

const withoutMissing = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const KNOWN_ARGS = Object.keys(extraArgs.shape);
const FLAGS = new Set(['packing', 'keep_best']);

/**
 * By the field that they came from, later ones over earlier ones. null and false are as good as not given, where false is no value of
 * its own. What our engines do not know an image of the user's own may.
 */
function readArguments(
  sources: Readonly<Record<string, ConfigArguments>>,
  isForCustomImage: boolean,
): { args: z.infer<typeof extraArgs>; problems: Problem[] } {
  const problems: Problem[] = [];
  let args: z.infer<typeof extraArgs> = {};
  for (const [field, given] of Object.entries(sources)) {
    const known: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(given)) {
      const isKnown = KNOWN_ARGS.includes(name);
      if (!isKnown && !isForCustomImage)
        problems.push({ path: `${field}.${name}`, message: `is not known, known are: ${KNOWN_ARGS.join(', ')}` });
      else if (isKnown && value !== null && (value !== false || FLAGS.has(name))) known[name] = value;
    }
    const parsed = extraArgs.safeParse(known);
    if (parsed.success) args = { ...args, ...parsed.data };
    else problems.push(...findProblems(extraArgs, known).map(({ path, message }) => ({ path: `${field}.${path}`, message })));
  }
  return { args, problems };
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
