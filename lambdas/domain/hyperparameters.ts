/**
 * One table of hyperparameters, in SFT names. Every spelling of the five documents is an alias in every API.
 * The resolved form (camelCase, nothing missing) travels to the trainer in spec.json.
 */
import * as z from 'zod';
import type { Problem } from './errors.ts';

export const LR_SCHEDULERS = ['linear', 'cosine', 'constant', 'constant_with_warmup', 'polynomial', 'inverse_sqrt'] as const;
const REPORT_TARGETS = ['tensorboard', 'wandb'] as const;
const RESULTS = ['last', 'best'] as const;
/** What a lost machine may cost unless somebody says otherwise: a checkpoint of an adapter takes seconds, so every 10 minutes costs below 1 %. */
const CHECKPOINT_MINUTES = 10;
/** The paper's own choice for chat (arXiv 2305.18290), and TRL's. */
const DPO_BETA = 0.1;

const int = (min: number, max: number) => z.int().min(min).max(max);

/** Wire name -> its schema. Ranges are what is accepted, not what is wise. */
export const hyperparameterFields = {
  max_steps: int(1, 10_000_000).meta({ description: 'optimizer steps in all; wins over num_epochs' }),
  num_epochs: z.number().positive().max(1_000),
  batch_size: int(1, 4_096).meta({ description: 'rows per device and micro-batch' }),
  gradient_accumulation_steps: int(1, 4_096),
  learning_rate: z.number().positive().max(1).meta({ description: 'default: 3e-3 for tiny-llama, else 2e-4 (LoRA) or 2e-5 (full)' }),
  lr_scheduler: z.enum(LR_SCHEDULERS),
  warmup_ratio: z.number().min(0).max(1),
  weight_decay: z.number().min(0).max(1),
  max_seq_length: int(8, 1_048_576).meta({ description: 'tokens; longer rows are cut' }),
  packing: z.boolean().meta({ description: 'several rows in one sequence; default: the trainer decides, and says why' }),
  lora_r: int(1, 1_024),
  lora_alpha: z.number().positive().max(4_096).meta({ description: 'default: 2 x lora_r' }),
  lora_dropout: z.number().min(0).lt(1),
  target_modules: z.union([z.literal('all-linear'), z.array(z.string().min(1).max(200)).min(1).max(100)]),
  eval_split: z.number().min(0).max(0.5).meta({ description: 'share of the rows kept for evaluation' }),
  eval_steps: int(1, 10_000_000),
  save_steps: int(1, 10_000_000).meta({ description: 'optimizer steps between checkpoints; wins over checkpoint_minutes' }),
  checkpoint_minutes: z
    .number()
    .positive()
    .max(1_440)
    .meta({ description: 'training that may be lost at most with a machine, in minutes; the step time is measured; default 10' }),
  logging_steps: int(1, 100_000),
  result_from: z.enum(RESULTS).meta({ description: 'the weights that become the result: of the last step, or of the lowest eval loss' }),
  keep_best: z.union([int(0, 100), z.boolean()]).meta({ description: 'how many of the best checkpoints by eval loss are kept' }),
  seed: int(0, 2 ** 32 - 1),
  report_to: z.union([z.enum([...REPORT_TARGETS, 'none']), z.array(z.enum(REPORT_TARGETS)).max(2)]),
  wandb_project: z.string().min(1).max(128).meta({ description: "only with report_to 'wandb'" }),
  dataset_text_field: z.string().min(1).max(128),
  dataloader_workers: int(0, 256).meta({ description: 'processes that prepare batches beside the training; 0: none' }),
  dpo_beta: z.number().positive().max(10).meta({ description: 'method dpo: how strongly the model is held to its base; default 0.1' }),
} as const;
export type HyperparameterName = keyof typeof hyperparameterFields;

export const HYPERPARAMETER_ALIASES = {
  lr: 'learning_rate',
  epochs: 'num_epochs',
  rank: 'lora_r',
  gradient_accumulation: 'gradient_accumulation_steps',
  max_seq_len: 'max_seq_length',
  eval_interval: 'eval_steps',
} as const satisfies Record<string, HyperparameterName>;
type Alias = keyof typeof HYPERPARAMETER_ALIASES;

type Fields = typeof hyperparameterFields;
type OptionalShape<T extends Record<string, z.ZodType>> = { [K in keyof T]: z.ZodOptional<T[K]> };
type AliasShape = { [A in Alias]: z.ZodOptional<Fields[(typeof HYPERPARAMETER_ALIASES)[A]]> };

const LEARNING_RATES: Readonly<Record<'sft' | 'dpo', Readonly<Record<'tiny' | 'full' | 'lora', readonly [number, string]>>>> = {
  sft: {
    tiny: [3e-3, 'default of tiny-llama: 2e-4 shows nothing on so small a model'],
    full: [2e-5, 'default of full fine-tuning'],
    lora: [2e-4, 'default of LoRA'],
  },
  dpo: {
    tiny: [1e-3, 'default of tiny-llama with preferences'],
    full: [1e-6, 'default of full fine-tuning with preferences'],
    lora: [1e-5, 'default of LoRA with preferences: ten times that of full fine-tuning'],
  },
};

/**
 * The shape that every request schema spreads: all names and aliases, each optional. `x-default` in the document is what is taken where neither
 * the request nor what it builds on (a project, a saved configuration, the run it resumes) says anything; so it is no `default`, which clients
 * made from the document would send. What follows the base or the trainer has none. An alias says of what.
 */
export const hyperparameterShape = Object.fromEntries([
  ...Object.entries(hyperparameterFields).map(([name, schema]) => [
    name,
    schema.meta({ ...schema.meta(), ...fixedDefault(name) }).optional(),
  ]),
  ...Object.entries(HYPERPARAMETER_ALIASES).map(([alias, name]) => [
    alias,
    hyperparameterFields[name].meta({ description: `another name of ${name}; give one of them`, 'x-alias-of': name }).optional(),
  ]),
]) as OptionalShape<Fields> & AliasShape;

/** All names and aliases, and nothing else. */
export const hyperparametersRequest = z.strictObject(hyperparameterShape).meta({ id: 'Hyperparameters' });

function fixedDefault(name: string): { 'x-default'?: unknown } {
  const { hyperparameters } = resolveHyperparameters({}, 'other', false);
  const value = Object.entries(hyperparameters).find(
    ([key]) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) === name,
  )?.[1];
  const followsOthers = name === 'learning_rate' || name === 'lora_alpha';
  return followsOthers || value === null || value === undefined ? {} : { 'x-default': value };
}

const givenSchema = z.object(hyperparameterShape);
export type GivenHyperparameters = z.infer<typeof givenSchema>;

/**
 * Resolved: what the trainer is told. `null` means that the trainer derives it, and reports what it took and why.
 * Fields with a default came after the first release: stored runs lack them.
 */
export const hyperparametersSchema = z.object({
  maxSteps: z.int().min(1).nullable().meta({ description: 'wins over numEpochs' }),
  numEpochs: z.number().positive(),
  batchSize: z.int().min(1),
  gradientAccumulationSteps: z.int().min(1),
  learningRate: z.number().positive().max(1),
  lrScheduler: z.enum(LR_SCHEDULERS),
  warmupRatio: z.number().min(0).max(1),
  weightDecay: z.number().min(0).max(1),
  maxSeqLength: z.int().min(8),
  packing: z.boolean().nullable(),
  loraR: z.int().min(1),
  loraAlpha: z.number().positive(),
  loraDropout: z.number().min(0).lt(1),
  targetModules: z.union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)]),
  evalSplit: z.number().min(0).max(0.5),
  evalSteps: z.int().min(1).nullable(),
  saveSteps: z.int().min(1).nullable().meta({ description: 'wins over checkpointMinutes' }),
  checkpointMinutes: z.number().positive().default(CHECKPOINT_MINUTES),
  loggingSteps: z.int().min(1),
  resultFrom: z.enum(RESULTS).default('last'),
  keepBest: z.int().min(0),
  seed: z.int().min(0),
  reportTo: z.array(z.enum(REPORT_TARGETS)),
  wandbProject: z.string().nullable(),
  datasetTextField: z.string().min(1),
  dataloaderWorkers: z.int().min(0).default(0),
  dpoBeta: z.number().positive().default(DPO_BETA),
});
export type Hyperparameters = z.infer<typeof hyperparametersSchema>;

export interface Choice {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

/** Aliases become names. A name given under two spellings is a problem, not a guess. */
export function withoutAliases(given: GivenHyperparameters, path: string): { values: GivenHyperparameters; problems: Problem[] } {
  const values: Record<string, unknown> = { ...given };
  const problems: Problem[] = [];
  for (const [alias, name] of Object.entries(HYPERPARAMETER_ALIASES)) {
    if (values[alias] === undefined) continue;
    if (values[name] !== undefined) problems.push({ path: `${path}${alias}`, message: `is another name of '${name}', which is given too` });
    else values[name] = values[alias];
    delete values[alias];
  }
  return { values, problems };
}

/** @param values without aliases */
export function resolveHyperparameters(
  values: GivenHyperparameters,
  base: 'tiny-llama' | 'other',
  full: boolean,
  method: 'sft' | 'dpo' = 'sft',
): { hyperparameters: Hyperparameters; choices: Choice[] } {
  const choices: Choice[] = [];
  const learningRate = values.learning_rate ?? defaultLearningRate(base, full, method, choices);
  const loraR = values.lora_r ?? 16;
  const hyperparameters: Hyperparameters = {
    maxSteps: values.max_steps ?? null,
    numEpochs: values.num_epochs ?? 3,
    batchSize: values.batch_size ?? 8,
    gradientAccumulationSteps: values.gradient_accumulation_steps ?? 1,
    learningRate,
    lrScheduler: values.lr_scheduler ?? 'cosine',
    warmupRatio: values.warmup_ratio ?? 0.03,
    weightDecay: values.weight_decay ?? 0,
    maxSeqLength: values.max_seq_length ?? 1_024,
    packing: values.packing ?? null,
    loraR,
    loraAlpha: values.lora_alpha ?? 2 * loraR,
    loraDropout: values.lora_dropout ?? 0,
    targetModules: values.target_modules ?? 'all-linear',
    evalSplit: values.eval_split ?? 0.1,
    evalSteps: values.eval_steps ?? null,
    saveSteps: values.save_steps ?? null,
    checkpointMinutes: values.checkpoint_minutes ?? CHECKPOINT_MINUTES,
    loggingSteps: values.logging_steps ?? 10,
    resultFrom: values.result_from ?? 'last',
    keepBest: Number(values.keep_best ?? 1),
    seed: values.seed ?? 7,
    reportTo: reportTargets(values.report_to),
    wandbProject: values.wandb_project ?? null,
    datasetTextField: values.dataset_text_field ?? 'text',
    dataloaderWorkers: values.dataloader_workers ?? 0,
    dpoBeta: values.dpo_beta ?? DPO_BETA,
  };
  return { hyperparameters, choices };
}

function defaultLearningRate(base: 'tiny-llama' | 'other', full: boolean, method: 'sft' | 'dpo', choices: Choice[]): number {
  const [value, reason] = LEARNING_RATES[method][base === 'tiny-llama' ? 'tiny' : full ? 'full' : 'lora'];
  choices.push({ name: 'learning_rate', value: String(value), reason });
  return value;
}

function reportTargets(given: GivenHyperparameters['report_to']): ('tensorboard' | 'wandb')[] {
  if (given === undefined || given === 'none') return [];
  return typeof given === 'string' ? [given] : given;
}
