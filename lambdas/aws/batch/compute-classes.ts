/**
 * What this plane can train on: each class is a kind of machine, with a queue of AWS Batch and one job definition for each image that may
 * run there, by digest. Nothing is registered and no role is passed when a run starts: what can run was decided when the plane was deployed.
 */
import * as z from 'zod';
import type { ComputeNeed } from '#domain/run.ts';

/** Images that requests name otherwise, or not at all, mean this one. */
export const TRAINER_IMAGE = 'trainer';

export const computeClassSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
  queue: z.string().min(1).meta({ description: 'name or ARN of the job queue' }),
  jobDefinitions: z
    .record(z.string(), z.string().min(1))
    .refine((byImage) => TRAINER_IMAGE in byImage, `must have one for '${TRAINER_IMAGE}'`)
    .meta({ description: 'by image, as requests name it; `name:revision` or ARN' }),
  gpuType: z.string().nullable(),
  gpus: z.int().min(0).meta({ description: 'of one node' }),
  gpuMemoryGb: z.number().min(0).default(0).meta({ description: 'of all GPUs of one node together; 0: not known' }),
  spot: z.boolean().default(false).meta({ description: 'machines that may be taken away at any time' }),
  usdPerHour: z.number().positive().nullable().default(null).meta({ description: 'of one node; null: not known here' }),
  vcpus: z.int().min(1).meta({ description: 'of one node' }),
  nodes: z.int().min(1).meta({ description: 'at most; above 1: a multi-node parallel job' }),
  atOnce: z.int().min(1).meta({ description: 'how many attempts the queue has room for' }),
  quotaCode: z.string().nullable().meta({ description: "of Service Quotas, of the machines' family; null: it is not looked at" }),
});
export type ComputeClass = z.infer<typeof computeClassSchema>;

export interface ChosenClass {
  readonly computeClass: ComputeClass;
  readonly jobDefinition: string;
}

/** The smallest class that serves a need; where none does, what was asked for and what is there. */
export function chooseClass(
  classes: readonly ComputeClass[],
  need: ComputeNeed,
  image: string | null,
): ChosenClass | { readonly problem: string } {
  const { nodes, gpusPerNode, gpuType, gpuMemoryGb, spot, maxUsdPerHour } = need;
  const wanted = gpusPerNode ?? (classes.some(({ gpus }) => gpus > 0) ? 1 : 0);
  const fitting = classes
    .filter(({ gpus }) => gpus >= wanted)
    .filter((one) => (nodes === 1 ? one.nodes === 1 : one.nodes >= nodes))
    .filter((one) => gpuType === null || one.gpuType?.toLowerCase() === gpuType.toLowerCase())
    .filter((one) => gpuMemoryGb === null || one.gpuMemoryGb >= gpuMemoryGb)
    .filter((one) => spot || !one.spot)
    .filter((one) => maxUsdPerHour === null || (one.usdPerHour !== null && one.usdPerHour <= maxUsdPerHour))
    // Whoever takes machines that may be taken away gets one where there is one.
    .sort((a, b) => a.gpus - b.gpus || Number(b.spot) - Number(a.spot) || a.nodes - b.nodes);
  const name = image ?? TRAINER_IMAGE;
  const chosen = fitting.find(({ jobDefinitions }) => name in jobDefinitions);
  const jobDefinition = chosen?.jobDefinitions[name];
  if (chosen && jobDefinition) return { computeClass: chosen, jobDefinition };
  const asked = [
    nodes > 1 ? `${nodes} nodes` : null,
    `${wanted} ${gpuType ?? 'GPU'}${wanted === 1 ? '' : 's'}${nodes > 1 ? ' each' : ''}`,
    gpuMemoryGb === null ? null : `${gpuMemoryGb} GB of GPU memory`,
    maxUsdPerHour === null ? null : `at most ${maxUsdPerHour} USD an hour`,
    image === null ? null : `the image '${image}'`,
  ].filter((part) => part !== null);
  const isAboutNodes = nodes > 1 && classes.every((one) => one.nodes === 1);
  return {
    problem:
      `${asked.join(', ')} ${asked.length > 1 || wanted !== 1 ? 'were' : 'was'} asked for; this plane has ${classes.map(describe).join('; ')}` +
      (isAboutNodes ? "; several nodes need a class with 'nodes' above 1 and 'network: nat' in the settings of the stage" : ''),
  };
}

function describe({ name, gpus, gpuType, gpuMemoryGb, nodes, spot, usdPerHour }: ComputeClass): string {
  const machine = gpus === 0 ? 'no GPU' : `${gpus} x ${gpuType ?? 'GPU'}${gpuMemoryGb === 0 ? '' : `, ${gpuMemoryGb} GB`}`;
  const price = usdPerHour === null ? '' : `, ${usdPerHour} USD an hour`;
  return `${name} (${nodes > 1 ? `up to ${nodes} nodes of ` : ''}${machine}${price}${spot ? ', interruptible' : ''})`;
}
