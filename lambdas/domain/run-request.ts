/** From what a caller asks for to what the trainer is told: names become kinds, gaps become defaults, each default says why. */
import * as z from 'zod';
import { isMadeId } from './base-models.ts';
import { environmentSchema, secretNamesSchema } from './environment-names.ts';
import type { Problem } from './errors.ts';
import { type Choice, type GivenHyperparameters, type Hyperparameters, resolveHyperparameters, withoutAliases } from './hyperparameters.ts';
import { CLIENT_NAME } from './ids.ts';
import { PROVIDERS } from './providers.ts';
import type { ComputeNeed } from './run.ts';
import { type BaseModel, DATASET_FORMATS, type Dataset, exportSchema, type MadeBase, TRAINING_METHODS, type Training } from './training.ts';

const FORTNIGHT_SECONDS = 14 * 24 * 3_600;

/** The fields beside the hyperparameters that every creation takes, in wire names. */
export const runRequestShape = {
  dataset_format: z.enum(DATASET_FORMATS).optional().meta({ description: 'default: detected from the first row' }),
  method: z.enum(TRAINING_METHODS).optional(),
  provider: z
    .enum(PROVIDERS)
    .meta({ available: 'providers' })
    .optional()
    .meta({ description: 'where to train; default: the provider of this plane' }),
  compute: z
    .strictObject({
      node_count: z.int().min(1).max(1_024).optional(),
      gpus_per_node: z.int().min(0).max(64).optional(),
      gpu_type: z.string().min(1).max(64).optional().meta({ description: 'words of its name: H100, RTX 4090', example: 'H100' }),
      gpu_memory_gb: z
        .number()
        .positive()
        .max(65_536)
        .optional()
        .meta({ description: 'of all GPUs of a machine together; default: estimated from base, method and batch' }),
      region: z
        .string()
        .min(1)
        .max(64)
        .optional()
        .meta({ description: "the provider's name of it, or how it begins: US, us-east-1, EU-RO-1" }),
      spot: z
        .boolean()
        .optional()
        .meta({ description: 'machines that may be taken away at any time, and cost less; the run goes on from its last checkpoint' }),
      max_usd_per_hour: z.number().positive().max(10_000).optional().meta({ description: 'of one machine; offers above it are not taken' }),
    })
    .optional(),
  max_runtime: z
    .int()
    .min(60)
    .max(365 * 24 * 3_600)
    .optional()
    .meta({ description: 'seconds of training after which the run is stopped with a final checkpoint; default 14 days' }),
  sample_prompts: z
    .array(z.string().min(1).max(4_000))
    .max(20)
    .optional()
    .meta({ description: 'answered by base and tuned model at each evaluation; default: three of the eval split' }),
  chat_template: z.string().min(1).max(32_768).optional(),
  export: exportSchema.optional().meta({ description: "one or both of 'adapter' and 'merged'; the adapter is always stored" }),
  env: environmentSchema.optional(),
  secrets: secretNamesSchema.optional(),
} as const;
const sharedFieldsSchema = z.object(runRequestShape);

export interface RunRequest extends z.infer<typeof sharedFieldsSchema> {
  readonly baseModel: string;
  readonly dataset: string;
  readonly framework?: Training['framework'] | undefined;
  readonly peftMethod: Training['peftMethod'];
  readonly hyperparameters: GivenHyperparameters;
}

export interface RunPlan {
  readonly training: Training;
  readonly compute: ComputeNeed;
  readonly maxRuntimeSeconds: number;
  readonly choices: Choice[];
  /** variables for the trainer */
  readonly env?: Readonly<Record<string, string>>;
  /** variables for the trainer, by the names of secrets that hold their values */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Where each part of a request stands on the wire: `prefix` is `config.` in the SFT API. */
export interface RequestPaths {
  readonly base: string;
  readonly dataset: string;
  /** of hyperparameters */
  readonly prefix: string;
}

/** What another run made, found under the id that the request names as its base. */
export interface FoundBase {
  readonly base: MadeBase;
  /** it goes back to tiny-llama, whose defaults are its own */
  readonly isTiny: boolean;
  /** of an adapter; null for a model */
  readonly shape: Pick<Hyperparameters, 'loraR' | 'loraAlpha' | 'targetModules'> | null;
}

/**
 * @param found what stands under the id that the request names as its base; null where it names no id
 * @returns the plan, and every problem that the schemas could not see; with problems the plan must not be used
 */
export function planRun(request: RunRequest, at: RequestPaths, found: FoundBase | null = null): { plan: RunPlan; problems: Problem[] } {
  const { values: given, problems } = withoutAliases(request.hyperparameters, at.prefix);
  const shaped = takeShape(given, request.peftMethod, found, at);
  const values = shaped.values;
  problems.push(...shaped.problems);
  const base = found?.base ?? toBaseModel(request.baseModel);
  const dataset = toDataset(request.dataset);
  if (typeof base === 'string') problems.push({ path: at.base, message: base });
  if (typeof dataset === 'string') problems.push({ path: at.dataset, message: dataset });
  if (values.wandb_project !== undefined && !asList(values.report_to).includes('wandb')) {
    problems.push({ path: `${at.prefix}wandb_project`, message: "is used only with report_to 'wandb'" });
  }
  if (request.export?.includes('merged') && request.peftMethod === 'full')
    problems.push({ path: `${at.prefix}export`, message: "'merged' needs an adapter; full fine-tuning has none" });

  const isDpo = request.method === 'dpo';
  if (isDpo && (request.dataset_format ?? 'preference') !== 'preference')
    problems.push({
      path: `${at.prefix}dataset_format`,
      message: `must be 'preference' with method 'dpo', got '${request.dataset_format}'`,
    });
  if (!isDpo && request.dataset_format === 'preference')
    problems.push({ path: `${at.prefix}dataset_format`, message: "'preference' needs method 'dpo'" });
  if (!isDpo && values.dpo_beta !== undefined) problems.push({ path: `${at.prefix}dpo_beta`, message: "is used only with method 'dpo'" });

  for (const name of Object.keys(request.secrets ?? {}))
    if (request.env && Object.hasOwn(request.env, name))
      problems.push({ path: `${pathOf(at)}secrets.${name}`, message: 'is given in env too' });

  const tiny = found ? found.isTiny : typeof base !== 'string' && base.kind === 'tiny-llama';
  const { hyperparameters, choices } = resolveHyperparameters(
    values,
    tiny ? 'tiny-llama' : 'other',
    request.peftMethod === 'full',
    request.method,
  );
  const training: Training = {
    framework: request.framework ?? 'hf',
    method: request.method ?? 'sft',
    peftMethod: request.peftMethod,
    baseModel: typeof base === 'string' ? { kind: 'tiny-llama' } : base,
    dataset: typeof dataset === 'string' ? { kind: 'hub', id: request.dataset, commit: null } : dataset,
    datasetFormat: request.dataset_format ?? null,
    chatTemplate: request.chat_template ?? null,
    samplePrompts: request.sample_prompts ?? null,
    export: request.export ?? ['adapter'],
    hyperparameters,
  };
  const compute: ComputeNeed = {
    nodes: request.compute?.node_count ?? 1,
    gpusPerNode: request.compute?.gpus_per_node ?? null,
    gpuType: request.compute?.gpu_type ?? null,
    gpuMemoryGb: request.compute?.gpu_memory_gb ?? null,
    region: request.compute?.region ?? null,
    spot: request.compute?.spot ?? false,
    maxUsdPerHour: request.compute?.max_usd_per_hour ?? null,
  };
  const maxRuntimeSeconds = request.max_runtime ?? FORTNIGHT_SECONDS;
  const { env, secrets } = request;
  return { plan: { training, compute, maxRuntimeSeconds, choices, ...(env && { env }), ...(secrets && { secrets }) }, problems };
}

/** Where the fields beside the hyperparameters stand: beside the base model. */
const pathOf = ({ base }: RequestPaths): string => base.slice(0, base.lastIndexOf('.') + 1);

const SHAPE_NAMES = { lora_r: 'loraR', lora_alpha: 'loraAlpha', target_modules: 'targetModules' } as const;

/** An adapter that is trained on keeps its shape. */
function takeShape(
  values: GivenHyperparameters,
  peftMethod: RunRequest['peftMethod'],
  found: FoundBase | null,
  at: RequestPaths,
): { values: GivenHyperparameters; problems: Problem[] } {
  const shape = found?.shape;
  if (!shape || peftMethod === 'full') return { values, problems: [] };
  const own = Object.fromEntries(Object.entries(SHAPE_NAMES).map(([name, key]) => [name, shape[key]]));
  const problems = Object.entries(own).flatMap(([name, value]) => {
    const given = Reflect.get(values, name);
    if (given === undefined || JSON.stringify(given) === JSON.stringify(value)) return [];
    return [
      {
        path: `${at.prefix}${name}`,
        message: `must be ${JSON.stringify(value)}, as in the adapter ${found.base.id}, got ${JSON.stringify(given)}`,
      },
    ];
  });
  return { values: { ...values, ...own }, problems };
}

const asList = (value: string | string[] | undefined): string[] => (value === undefined ? [] : typeof value === 'string' ? [value] : value);

/** A name that the hub could have: `gpt2`, `tatsu-lab/alpaca`. */
const HUB_NAME = /^[A-Za-z0-9][\w.-]{0,95}(\/[A-Za-z0-9][\w.-]{0,95})?$/;
/** Rows that were stored here, by name and content: `session:s-1@<sha256>`. */
export const STORED_ROWS = /^(?:session|trajectory|dataset):([^@/]{1,128})@([0-9a-f]{64})$/;
/** A dataset that was stored here, by name alone: its rows are those that lie there when the run is prepared. */
export const STORED_DATASET = /^dataset:([^@]*)$/;
const DATA_FILE = /\.(jsonl|json|parquet)$/i;

/** @returns the base model, or what is wrong with its name */
function toBaseModel(name: string): BaseModel | string {
  if (name === 'tiny-llama') return { kind: 'tiny-llama' };
  if (isMadeId(name)) return `no run here made '${name}'`;
  if (isPath(name)) return leavesRoot(name) ? `must stay below the data root, got '${name}'` : { kind: 'path', path: name };
  if (HUB_NAME.test(name)) return { kind: 'hub', id: name, commit: null };
  return `must be 'tiny-llama', a Hugging Face model id, a path that begins with './' or '/', or the id of a run, artifact or checkpoint, got '${name.slice(0, 60)}'`;
}

/** @returns why this can be no base model's name, whatever lies here; null where it could be one */
export function baseNameProblem(name: string): string | null {
  const base = isMadeId(name) ? null : toBaseModel(name);
  return typeof base === 'string' ? base : null;
}

/** @returns the dataset, or what is wrong with its name */
function toDataset(name: string): Dataset | string {
  if (name.includes('\0') || name.includes('\\')) return 'must not hold NUL or backslash';
  const stored = STORED_DATASET.exec(name)?.[1];
  if (stored !== undefined)
    return CLIENT_NAME.test(stored)
      ? { kind: 'files', uri: name, files: [] }
      : `must name a stored dataset as dataset:<name>, got '${name.slice(0, 60)}'`;
  if (STORED_ROWS.test(name) || /^s3:\/\/[^/]+\/?/.test(name)) return { kind: 'files', uri: name, files: [] };
  if (isPath(name) || DATA_FILE.test(name) || name.endsWith('/')) {
    return leavesRoot(name) ? `must stay below the data root, got '${name.slice(0, 60)}'` : { kind: 'files', uri: name, files: [] };
  }
  if (HUB_NAME.test(name)) return { kind: 'hub', id: name, commit: null };
  return `must be a path to .jsonl, .json or .parquet (a folder ends in '/'), an s3:// URI or a Hugging Face dataset id, got '${name.slice(0, 60)}'`;
}

/**
 * What the documents say of names: whatever matches is taken. A little more is: paths that go up and stay below the data root, ids of what
 * runs made.
 */
const PLAIN = '[A-Za-z0-9][A-Za-z0-9_.-]{0,95}';
const PATH_LETTERS = String.raw`[^\u0000-\u001f\\]`;
export const BASE_NAME = `^(?!.*\\.\\.)(?:${PLAIN}(?:/${PLAIN})?|\\.?/${PATH_LETTERS}*)$`;
export const DATASET_NAME = `^(?!.*\\.\\.)(?:${PLAIN}(?:/${PLAIN})?|\\.?/${PATH_LETTERS}*|${PLAIN}/${PATH_LETTERS}*(?:/|\\.jsonl|\\.json|\\.parquet)|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/${PATH_LETTERS}*|dataset:[A-Za-z0-9][A-Za-z0-9._-]{0,127})$`;
export const FOLDER_NAME = `^(?!.*\\.\\.)(?:\\.?/)?(?:${PLAIN}/)*${PLAIN}/?$`;

const isPath = (name: string): boolean => /^(\.{1,2}\/|\/)/.test(name);

/** By the letters alone; links are looked at when the inputs are pinned. */
function leavesRoot(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
