/** SFT words <-> ours. Pure. */
import type * as z from 'zod';
import { nameOfBase } from '#domain/base-models.ts';
import type { Problem } from '#domain/errors.ts';
import { type GivenHyperparameters, HYPERPARAMETER_ALIASES, hyperparameterFields } from '#domain/hyperparameters.ts';
import type { Run, RunView } from '#domain/run.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import type { RunOrder } from '#operations/order-run.ts';
import type { Preview } from '#operations/preview-order.ts';
import type { SavedConfig } from '#operations/saved-configs.ts';
import { nameOfDataset, toSnakeCase } from '../runs/translate.ts';
import type { configResponse, GivenSftConfig, JOB_STATUSES, jobDetailResponse, jobStatusResponse, planResponse } from './schemas.ts';

type JobStatus = (typeof JOB_STATUSES)[number];

const STATUS: Readonly<Record<RunState, JobStatus>> = {
  created: 'pending',
  queued: 'pending',
  initializing: 'pending',
  running: 'running',
  paused: 'running',
  stopping: 'stopped', // accepted and irrevocable; completed_at stays null until the compute is gone
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

/** The document knows no way back from running: once it ran, a wait for the next attempt reads `running`. */
export const toStatus = ({ state, startedAt }: Run): JobStatus =>
  startedAt !== null && STATUS[state] === 'pending' ? 'running' : STATUS[state];

export function toOrder(given: GivenSftConfig, saved: Readonly<Record<string, unknown>> | null): RunOrder {
  const { config_id: _, ...fields } = given;
  const config = { ...saved, ...fields };
  const { base_model, dataset_name, output_dir, use_lora, use_qlora, ...rest } = config;
  const problems: Problem[] = [];
  if (base_model === undefined) problems.push({ path: 'config.base_model', message: 'is required' });
  if (dataset_name === undefined) problems.push({ path: 'config.dataset_name', message: 'is required' });
  if (use_qlora === true && use_lora === false)
    problems.push({ path: 'config.use_lora', message: 'must not be false with use_qlora true: QLoRA is LoRA on a quantised base' });
  if (output_dir?.split('/').includes('..'))
    problems.push({ path: 'config.output_dir', message: `must stay below the data root, got '${output_dir.slice(0, 60)}'` });
  return {
    api: 'sft',
    asked: {
      ...rest,
      baseModel: base_model ?? 'tiny-llama',
      dataset: dataset_name ?? 'missing',
      peftMethod: use_qlora ? 'qlora' : use_lora === false ? 'full' : 'lora',
      hyperparameters: hyperparametersOf(config),
    },
    at: { base: 'config.base_model', dataset: 'config.dataset_name', prefix: 'config.' },
    problems,
    request: config,
    name: null,
    projectId: 'proj_default',
    outputDir: output_dir ?? null,
    submit: true,
  };
}

function hyperparametersOf(config: GivenSftConfig): GivenHyperparameters {
  const names = new Set([...Object.keys(hyperparameterFields), ...Object.keys(HYPERPARAMETER_ALIASES)]);
  return Object.fromEntries(Object.entries(config).filter(([name]) => names.has(name)));
}

export function toPlan({ plan, provider, outputDir, data, failure }: Preview): z.infer<typeof planResponse> {
  const { training, compute } = plan;
  return {
    base_model: nameOfBase(training.baseModel),
    dataset: nameOfDataset(training.dataset),
    dataset_format: training.datasetFormat,
    method: training.method,
    peft_method: training.peftMethod,
    provider,
    compute: {
      node_count: compute.nodes,
      gpus_per_node: compute.gpusPerNode,
      gpu_type: compute.gpuType,
      gpu_memory_gb: compute.gpuMemoryGb,
      region: compute.region,
      spot: compute.spot,
      max_usd_per_hour: compute.maxUsdPerHour,
    },
    max_runtime_seconds: plan.maxRuntimeSeconds,
    export: training.export,
    output_dir: outputDir,
    parameters: toSnakeCase(training.hyperparameters),
    choices: plan.choices,
    env: Object.keys(plan.env ?? {}),
    secrets: { ...plan.secrets },
    data: data && {
      files: data.files.map(({ path, sizeBytes, sha256, split }) => ({ path, size_bytes: sizeBytes, sha256, split })),
      rows: data.rows,
      format: data.format,
    },
    failure,
  };
}

export const toJobStart = ({ run }: RunView) => ({ job_id: run.id, status: toStatus(run) });

export function toJobStatus({ run, progress }: RunView): z.infer<typeof jobStatusResponse> {
  return {
    job_id: run.id,
    status: toStatus(run),
    created_at: run.createdAt,
    started_at: run.startedAt,
    completed_at: run.completedAt,
    error: run.failure?.message ?? null,
    result: run.result ? toResult(run.result) : null,
    progress: progress ? toProgress(run, progress) : null,
    waiting: run.waiting,
    failure: run.failure,
    stop_detail: run.stopDetail,
  };
}

export function toJobDetail(view: RunView): z.infer<typeof jobDetailResponse> {
  const { samples } = view.run;
  return {
    ...toJobStatus(view),
    config: view.run.request,
    samples: samples ? { step: samples.step, items: samples.items } : null,
    choices: view.run.choices,
  };
}

function toResult({
  metrics,
  location,
  files,
  sha256,
  base,
}: NonNullable<Run['result']>): NonNullable<z.infer<typeof jobStatusResponse>['result']> {
  const isAdapter = files.some(({ kind }) => kind === 'adapter');
  return {
    train_loss: metrics['train_loss'] ?? null,
    eval_loss: metrics['eval_loss'] ?? null,
    adapter_path: isAdapter ? location : null,
    model_path: isAdapter ? null : location,
    sha256,
    base_model: base?.id ?? null,
    base_commit: base?.commit ?? null,
    metrics,
  };
}

function toProgress(
  { state }: Run,
  progress: NonNullable<RunView['progress']>,
): NonNullable<z.infer<typeof jobStatusResponse>['progress']> {
  const { phase, phaseDetail, phaseFraction, step, steps, highestStep, epoch, metrics, etaSeconds } = progress;
  const reached = steps ? Math.min(highestStep / steps, 0.999) : 0;
  return {
    phase,
    phase_detail: phaseDetail,
    phase_fraction: phaseFraction,
    step,
    steps,
    fraction: state === 'completed' ? 1 : reached,
    epoch,
    loss: metrics['loss'] ?? null,
    eval_loss: metrics['eval_loss'] ?? null,
    learning_rate: metrics['learning_rate'] ?? null,
    tokens_per_second: metrics['tokens_per_second'] ?? null,
    eta_seconds: state === 'running' ? etaSeconds : null,
  };
}

export const toConfig = ({ id, name, config }: SavedConfig): z.infer<typeof configResponse> => ({ config_id: id, name, config });
