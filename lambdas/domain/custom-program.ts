/** An image of the user's own: our supervisor runs its `train.py`, with the request's fields and arguments as `--key value`. */
import * as z from 'zod';
import { toArgv } from './job-names.ts';
import type { Run } from './run.ts';

/** The document's default name always means the trainer that is configured. */
export const CONFIGURED_IMAGE = 'ghcr.io/deepfinery/trainer:latest';

export const isCustomImage = (image: string | undefined): image is string => image !== undefined && image !== CONFIGURED_IMAGE;

/** What the unified trainer's document says `train.py` is told beside `extra_args`. Other APIs name no image. */
const toldSchema = z.object({
  framework: z.string(),
  model_id: z.string(),
  run_id: z.string(),
  dataset_uri: z.string(),
  checkpoint_base_uri: z.string(),
  config_path: z.string().optional(),
  resume_from_checkpoint: z.boolean().optional(),
});

/** @returns the arguments of the run's own program; null: one of our engines trains */
export function programOf({ api, metadata, request }: Pick<Run, 'api' | 'metadata' | 'request'>): { argv: string[] } | null {
  const image = metadata['image'];
  if (api !== 'unified-trainer' || typeof image !== 'string' || !isCustomImage(image)) return null;
  const { framework, model_id, run_id, dataset_uri, checkpoint_base_uri, config_path, resume_from_checkpoint } = toldSchema.parse(request);
  const told = { framework, model_id, run_id, dataset_uri, checkpoint_base_uri, config_path, resume_from_checkpoint };
  const given = Object.fromEntries(Object.entries(told).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined));
  return { argv: [...toArgv(given), ...z.array(z.string()).parse(metadata['argv'])] };
}
