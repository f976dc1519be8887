/**
 * Machines of EC2 that this project has looked up: what a compute class is made of. A type that is not here can be used where its settings
 * describe it (`machine`).
 *
 * Sizes are those of DescribeInstanceTypes (vCPUs, MiB, GPUs and their MiB, network cards with EFA), as moto 5.2.5 has recorded them.
 * Prices are on-demand list prices for Linux in us-east-1, as AWS published them on the date below; the same hour costs up to twice as
 * much elsewhere, and a spot hour mostly a third. A price that was not looked up is null, and never guessed.
 */
export const PRICES_AS_OF = '2026-06';
export const PRICES_REGION = 'us-east-1';

export interface MachineType {
  readonly vcpus: number;
  readonly memoryMib: number;
  /** as requests name it; null without a GPU */
  readonly gpuType: string | null;
  readonly gpus: number;
  /** of all GPUs together, in GB of 1,000,000,000 bytes, as `gpu_memory_gb` asks for it */
  readonly gpuMemoryGb: number;
  /** network cards that can carry an Elastic Fabric Adapter; 0: none */
  readonly efaCards: number;
  readonly usdPerHour: number | null;
}

/** @param gpuMemoryGb of one GPU, as its maker names it */
function machine(
  vcpus: number,
  memoryGib: number,
  [gpus, gpuType, gpuMemoryGb]: readonly [number, string | null, number],
  efaCards: number,
  usdPerHour: number | null,
): MachineType {
  return { vcpus, memoryMib: memoryGib * 1_024, gpuType, gpus, gpuMemoryGb: gpus * gpuMemoryGb, efaCards, usdPerHour };
}

const NO_GPU = [0, null, 0] as const;

export const MACHINE_TYPES: Readonly<Record<string, MachineType>> = {
  'm5.xlarge': machine(4, 16, NO_GPU, 0, 0.192),
  'm6i.xlarge': machine(4, 16, NO_GPU, 0, 0.192),
  'm7i.xlarge': machine(4, 16, NO_GPU, 0, 0.2016),
  'm7i.2xlarge': machine(8, 32, NO_GPU, 0, 0.4032),
  'g4dn.xlarge': machine(4, 16, [1, 'T4', 16], 0, 0.526),
  'g4dn.12xlarge': machine(48, 192, [4, 'T4', 16], 1, 3.912),
  'g5.xlarge': machine(4, 16, [1, 'A10G', 24], 0, 1.006),
  'g5.2xlarge': machine(8, 32, [1, 'A10G', 24], 0, 1.212),
  'g5.4xlarge': machine(16, 64, [1, 'A10G', 24], 0, 1.624),
  'g5.8xlarge': machine(32, 128, [1, 'A10G', 24], 1, 2.448),
  'g5.12xlarge': machine(48, 192, [4, 'A10G', 24], 1, 5.672),
  'g5.24xlarge': machine(96, 384, [4, 'A10G', 24], 1, 8.144),
  'g5.48xlarge': machine(192, 768, [8, 'A10G', 24], 1, 16.288),
  'g6.xlarge': machine(4, 16, [1, 'L4', 24], 0, 0.8048),
  'g6.2xlarge': machine(8, 32, [1, 'L4', 24], 0, 0.9776),
  'g6.12xlarge': machine(48, 192, [4, 'L4', 24], 1, 4.6016),
  'g6.48xlarge': machine(192, 768, [8, 'L4', 24], 1, 13.3504),
  'g6e.xlarge': machine(4, 32, [1, 'L40S', 48], 0, 1.861),
  'g6e.2xlarge': machine(8, 64, [1, 'L40S', 48], 0, 2.2421),
  'g6e.8xlarge': machine(32, 256, [1, 'L40S', 48], 1, 4.5286),
  'g6e.12xlarge': machine(48, 384, [4, 'L40S', 48], 1, 10.4926),
  'g6e.48xlarge': machine(192, 1_536, [8, 'L40S', 48], 4, 30.1312),
  'p4d.24xlarge': machine(96, 1_152, [8, 'A100', 40], 4, 21.9576),
  'p4de.24xlarge': machine(96, 1_152, [8, 'A100', 80], 4, null),
  'p5.4xlarge': machine(16, 256, [1, 'H100', 80], 1, null),
  'p5.48xlarge': machine(192, 2_048, [8, 'H100', 80], 32, 55.04),
  'p5en.48xlarge': machine(192, 2_048, [8, 'H200', 141], 16, null),
  'p6-b200.48xlarge': machine(192, 2_048, [8, 'B200', 180], 8, null),
};

/**
 * The quota of Service Quotas that counts the vCPUs of a family.
 * Source: docs.aws.amazon.com/AWSEC2/latest/UserGuide/{ec2-on-demand-instances,using-spot-limits}.html
 * @returns null for a family whose quota is not known here
 */
export function quotaCodeOf(instanceType: string, spot: boolean): string | null {
  const family = instanceType.replace(/\..*$/, '');
  if (/^(g|vt)\d/.test(family)) return spot ? 'L-3819A6DF' : 'L-DB2E81BA';
  if (/^p\d/.test(family)) return spot ? (/^p[2-4]/.test(family) ? 'L-7212CCBC' : null) : 'L-417A185B';
  if (/^[acdhimrtz]\d/.test(family)) return spot ? 'L-34B43A08' : 'L-1216C47A';
  return null;
}
