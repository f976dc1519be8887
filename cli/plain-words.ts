/**
 * The plane's words that help and completion show, as plain data: `words.json`, which `npm run generate` writes. Reading them from their schemas takes
 * zod, and that alone is half of the time that `--help` may take.
 */
import * as z from 'zod';
import { HYPERPARAMETER_ALIASES, hyperparameterFields } from '#domain/hyperparameters.ts';
import { tagSchema } from '#domain/run.ts';
import { DATASET_FORMATS, TRAINING_METHODS } from '#domain/training.ts';
import { LOG_LEVELS } from '#operations/read-logs.ts';

export const plainWords = () => ({
  datasetFormats: [...DATASET_FORMATS],
  trainingMethods: [...TRAINING_METHODS],
  logLevels: [...LOG_LEVELS],
  tags: [...tagSchema.shape.value.options],
  hyperparameters: Object.entries(hyperparameterFields).map(([name, schema]) => ({
    name,
    description: describe(name, schema),
    words: schema instanceof z.ZodEnum ? schema.options.map(String) : [],
    isSwitch: schema instanceof z.ZodBoolean,
  })),
});

function describe(name: string, schema: z.ZodType): string {
  const aliases = Object.entries(HYPERPARAMETER_ALIASES).flatMap(([alias, full]) => (full === name ? [alias] : []));
  const facts = [z.globalRegistry.get(schema)?.description, aliases.length > 0 ? `in files also ${aliases.join(', ')}` : undefined];
  return facts.filter((fact) => fact !== undefined).join('; ');
}
