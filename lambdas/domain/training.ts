/** What to train, and the files that it is made of: everything that decides the weights, as the plane hands it to the trainer. */
import * as z from 'zod';
import { hyperparametersSchema } from './hyperparameters.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const storedFileSchema = z.object({
  path: z.string().min(1).meta({ description: 'relative to the folder that the file belongs to' }),
  sizeBytes: z.int().min(0),
  sha256,
  parts: z
    .object({ sizeBytes: z.int().min(1), sha256: z.array(sha256).min(1) })
    .optional()
    .meta({ description: "of a file over 4 GiB in S3: the size of each part but the last, and their hashes, whose hash S3's checksum is" }),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

const plainBases = [
  z.object({ kind: z.literal('tiny-llama') }),
  z.object({ kind: z.literal('hub'), id: z.string().min(1), commit: z.string().nullable() }),
  z.object({ kind: z.literal('path'), path: z.string().min(1) }),
] as const;
const plainBaseSchema = z.discriminatedUnion('kind', plainBases);
export type PlainBase = z.infer<typeof plainBaseSchema>;

/** What another run made. A LoRA run that begins with an adapter trains that adapter on, so that its result stands alone on the same base. */
const madeBaseSchema = z.object({
  kind: z.literal('made'),
  id: z.string().meta({ description: 'of the run, artifact or checkpoint, as it was named' }),
  form: z.enum(['adapter', 'model']),
  folder: z.string().meta({ description: 'absolute path or s3:// URI of the folder' }),
  base: plainBaseSchema.nullable().meta({ description: 'of an adapter: what it belongs to' }),
});
export type MadeBase = z.infer<typeof madeBaseSchema>;

export const baseModelSchema = z.discriminatedUnion('kind', [...plainBases, madeBaseSchema]);
export type BaseModel = z.infer<typeof baseModelSchema>;

export const datasetSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('files'),
    uri: z.string().min(1).meta({ description: 'as the user named it' }),
    files: z.array(
      storedFileSchema.extend({
        location: z.string().meta({ description: 'absolute path or s3:// URI of the file' }),
        split: z.enum(['train', 'eval']),
      }),
    ),
  }),
  z.object({ kind: z.literal('hub'), id: z.string().min(1), commit: z.string().nullable() }),
]);
export type Dataset = z.infer<typeof datasetSchema>;

export const DATASET_FORMATS = ['alpaca', 'messages', 'prompt_completion', 'trajectory_completion', 'preference', 'text'] as const;
export const PEFT_METHODS = ['lora', 'qlora', 'full', 'hypernetwork'] as const;
export const FRAMEWORKS = ['hf', 'meta', 'nemo'] as const;
export const TRAINING_METHODS = ['sft', 'dpo'] as const;
export const EXPORTS = ['adapter', 'merged'] as const;

/** What a run stores: the adapter always, `merged` a whole model beside it. Runs of the first release hold one word. */
export const exportSchema = z.union([
  z.array(z.enum(EXPORTS)).min(1).max(2),
  z.enum(EXPORTS).transform((given): (typeof EXPORTS)[number][] => (given === 'merged' ? ['adapter', 'merged'] : [given])),
]);

/** What to train: everything that decides the weights, and nothing that does not. */
export const trainingSchema = z.object({
  framework: z.enum(FRAMEWORKS),
  method: z.enum(TRAINING_METHODS),
  peftMethod: z.enum(PEFT_METHODS),
  baseModel: baseModelSchema,
  dataset: datasetSchema,
  datasetFormat: z.enum(DATASET_FORMATS).nullable().meta({ description: 'null: detected from the first row' }),
  chatTemplate: z.string().nullable(),
  samplePrompts: z.array(z.string()).max(20).nullable().meta({ description: 'null: three of the eval split' }),
  export: exportSchema,
  hyperparameters: hyperparametersSchema,
});
export type Training = z.infer<typeof trainingSchema>;

export const RUN_PURPOSES = ['train', 'generate'] as const;

export const hypernetworkSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('built-in').meta({ description: 'the one of tiny-llama, which the trainer builds once' }) }),
  z.object({
    kind: z.literal('run'),
    runId: z.string(),
    folder: z.string().meta({ description: 'absolute path or s3:// URI of the folder that holds its files' }),
    files: z.array(storedFileSchema),
  }),
]);
export type Hypernetwork = z.infer<typeof hypernetworkSchema>;
