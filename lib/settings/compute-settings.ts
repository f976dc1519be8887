/** A kind of machine that runs may have, as an operator writes it; each becomes a compute environment and a queue of AWS Batch. */
import * as z from 'zod';
import { MACHINE_TYPES, type MachineType, quotaCodeOf } from '../machine-types.ts';

const machineSchema = z
  .strictObject({
    vcpus: z.int().min(1).max(1_024),
    memoryMib: z.int().min(1_024),
    gpuType: z.string().nullable().default(null),
    gpus: z.int().min(0).max(16).default(0),
    gpuMemoryGb: z.number().min(0).default(0).describe('of all GPUs together'),
    efaCards: z.int().min(0).max(32).default(0).describe('network cards that can carry an Elastic Fabric Adapter'),
  })
  .describe('what each of the instance types is, where this version does not know them');

export const computeSettingsSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,23}$/)
      .describe('of the class: lower case, for people and for names of resources; a renamed class is another one'),
    instanceTypes: z
      .array(z.string().min(1))
      .min(1)
      .max(10)
      .describe('EC2 instance types with the same GPUs; the cheapest that is free is taken'),
    spot: z.boolean().default(false).describe('interruptible machines: runs go on from their last checkpoint; only on one node'),
    maxVcpus: z.int().min(1).max(100_000).describe('how many vCPUs may run at once: the bound of what this class can cost'),
    nodes: z.int().min(1).max(64).default(1).describe('machines of one run, at most; above 1 needs `network: nat`'),
    diskGb: z.int().min(50).max(16_000).default(200).describe('of each machine: image, base model, checkpoints on their way to storage'),
    usdPerHour: z.number().positive().optional().describe('what one machine costs, where your price is another than the list price'),
    machine: machineSchema.optional(),
  })
  .meta({ id: 'ComputeClass' });

export type ComputeSettings = z.output<typeof computeSettingsSchema>;

/** What is there without a word of settings: something to try a deployment with, one GPU, one cheaper GPU, and four. */
export const DEFAULT_CLASSES: z.input<typeof computeSettingsSchema>[] = [
  { name: 'cpu', instanceTypes: ['m7i.xlarge', 'm6i.xlarge', 'm5.xlarge'], maxVcpus: 8 },
  { name: 'a10g', instanceTypes: ['g5.xlarge', 'g5.2xlarge'], maxVcpus: 16 },
  { name: 'a10g-spot', instanceTypes: ['g5.xlarge', 'g5.2xlarge'], spot: true, maxVcpus: 16 },
  { name: 'a10g-4', instanceTypes: ['g5.12xlarge'], maxVcpus: 48 },
];

export interface ClassMachine extends MachineType {
  readonly quotaCode: string | null;
}

/** The least that every instance type of the class has: what a job of it may ask for. The price is that of the dearest. */
export function machineOf({ instanceTypes, machine, usdPerHour, spot }: ComputeSettings): ClassMachine {
  const types = instanceTypes.map((name) => ({ usdPerHour: null, ...(machine ?? findType(name)) }));
  const [first] = types;
  if (!first) throw new Error('a compute class has no instance type');
  const prices = types.map((type) => type.usdPerHour);
  return {
    ...first,
    vcpus: Math.min(...types.map(({ vcpus }) => vcpus)),
    memoryMib: Math.min(...types.map(({ memoryMib }) => memoryMib)),
    efaCards: Math.min(...types.map(({ efaCards }) => efaCards)),
    usdPerHour: usdPerHour ?? (prices.some((price) => price === null) ? null : Math.max(...prices.map(Number))),
    quotaCode: quotaCodeOf(instanceTypes[0] ?? '', spot),
  };
}

function findType(name: string): MachineType {
  const type = MACHINE_TYPES[name];
  if (!type) throw new Error(`the instance type '${name}' is not known here`);
  return type;
}

/** What a schema alone cannot say. @returns problems, each with the field that it is about */
export function checkComputeClass(settings: ComputeSettings, network: 'public' | 'nat'): { field: string; message: string }[] {
  const { instanceTypes, machine, nodes, spot, maxVcpus } = settings;
  const unknown = machine ? [] : instanceTypes.filter((name) => !Object.hasOwn(MACHINE_TYPES, name));
  if (unknown.length > 0) {
    return [
      {
        field: 'instanceTypes',
        message: `${unknown.map((name) => `'${name}'`).join(', ')} not known here: describe it in 'machine', or take one of ${Object.keys(MACHINE_TYPES).join(', ')}`,
      },
    ];
  }
  const problems: { field: string; message: string }[] = [];
  const gpus = new Set(instanceTypes.map((name) => (machine ? '' : `${findType(name).gpus} x ${findType(name).gpuType}`)));
  if (gpus.size > 1) problems.push({ field: 'instanceTypes', message: `must have the same GPUs, got ${[...gpus].join(' and ')}` });
  const quotas = new Set(instanceTypes.map((name) => quotaCodeOf(name, spot)));
  if (quotas.size > 1) problems.push({ field: 'instanceTypes', message: 'must be counted by one quota: take families of one kind' });
  if (nodes > 1 && network !== 'nat')
    problems.push({
      field: 'nodes',
      message: `above 1 needs 'network: nat': machines of one run reach each other by addresses without internet, got ${nodes}`,
    });
  if (nodes > 1 && spot)
    problems.push({ field: 'spot', message: 'must be false where nodes is above 1: AWS Batch runs several nodes on demand only' });
  const needed = machineOf(settings).vcpus * nodes;
  if (maxVcpus < needed) problems.push({ field: 'maxVcpus', message: `must be at least ${needed}, the vCPUs of one run, got ${maxVcpus}` });
  return problems;
}
