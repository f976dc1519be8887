/** What options say, in the words of the SFT API; the data are looked for apart. */
import * as z from 'zod';
import { usageFailure } from '../exit-code.ts';
import type { Config } from '../plane/sft.ts';
import type { World } from '../world.ts';
import { layOver, readAssignments, splitAssignment } from './assignments.ts';
import { attributeOf, HYPERPARAMETERS, PEFT_WORDS } from './training-options.ts';

const optionsSchema = z.object({
  base: z.string().optional(),
  format: z.string().optional(),
  method: z.string().optional(),
  peft: z.enum(PEFT_WORDS).optional(),
  provider: z.string().optional(),
  gpus: z.number().optional(),
  gpuType: z.string().optional(),
  gpuMemory: z.unknown().optional(),
  nodes: z.number().optional(),
  region: z.string().optional(),
  spot: z.boolean().optional(),
  maxUsdPerHour: z.unknown().optional(),
  maxRuntime: z.number().optional(),
  outputDir: z.string().optional(),
  samplePrompt: z.array(z.string()).optional(),
  env: z.array(z.string()).optional(),
  secret: z.array(z.string()).optional(),
  set: z.array(z.string()).optional(),
});

/** @param given options of `addTrainingOptions`, and others that are left alone. @throws CommandFailure */
export function toConfig(given: Readonly<Record<string, unknown>>, { variables }: Pick<World, 'variables'>): Config {
  const options = optionsSchema.parse(given);
  const compute = withoutGaps({
    node_count: options.nodes,
    gpus_per_node: options.gpus,
    gpu_type: options.gpuType,
    gpu_memory_gb: options.gpuMemory,
    region: options.region,
    spot: options.spot,
    max_usd_per_hour: options.maxUsdPerHour,
  });
  const named = withoutGaps({
    base_model: options.base,
    dataset_format: options.format,
    method: options.method,
    ...(options.peft && { use_lora: options.peft !== 'full', use_qlora: options.peft === 'qlora' }),
    provider: options.provider,
    compute: Object.keys(compute).length > 0 ? compute : undefined,
    max_runtime: options.maxRuntime,
    output_dir: options.outputDir,
    sample_prompts: options.samplePrompt,
    env: options.env && Object.fromEntries(options.env.map((assignment) => readVariable(assignment, variables))),
    secrets: options.secret && Object.fromEntries(options.secret.map((assignment) => readSecret(assignment))),
    ...Object.fromEntries(HYPERPARAMETERS.map(({ name }) => [name, given[attributeOf(name)]])),
  });
  return layOver(named, readAssignments(options.set ?? []));
}

const withoutGaps = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));

function readVariable(assignment: string, variables: World['variables']): [string, string] {
  if (assignment.includes('=')) {
    const { name, text } = splitAssignment(assignment);
    return [name, text];
  }
  const value = variables[assignment];
  if (value === undefined)
    throw usageFailure(`--env ${assignment} takes the value from here, and it is not set here`, `give it as --env ${assignment}=value`);
  return [assignment, value];
}

function readSecret(assignment: string): [string, string] {
  const { name, text } = splitAssignment(assignment);
  return [name, text];
}
