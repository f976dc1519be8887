/** What a job of AWS Batch is on its machine: the whole machine, and nothing of the host. */
import type { CfnJobDefinition } from 'aws-cdk-lib/aws-batch';
import type { ClassMachine, ComputeSettings } from './settings/compute-settings.ts';

/**
 * Of a machine's memory, what a job may ask for. The kernel and the agent of ECS keep some of it: of 16 GiB about 0.6, of 2 TiB about 60.
 * A job that asks for more than is left waits for ever (docs.aws.amazon.com/batch/latest/userguide/memory-management.html).
 */
const MEMORY_SHARE = 0.9;
/** Workers of a data loader and NCCL talk through it. */
const SHARED_MEMORY_SHARE = 0.25;

export interface JobContainerProps {
  readonly image: string;
  readonly jobRoleArn: string;
  readonly logGroupName: string;
  readonly settings: ComputeSettings;
  readonly machine: ClassMachine;
}

export function toJobContainer({
  image,
  jobRoleArn,
  logGroupName,
  settings,
  machine,
}: JobContainerProps): CfnJobDefinition.ContainerPropertiesProperty {
  const { spot, nodes, name } = settings;
  const { vcpus, memoryMib, gpus, efaCards } = machine;
  const memory = Math.floor(memoryMib * MEMORY_SHARE);
  const hasFabric = nodes > 1 && efaCards > 0;
  return {
    image,
    command: [], // the image's own
    jobRoleArn,
    resourceRequirements: [
      { type: 'VCPU', value: String(vcpus) },
      { type: 'MEMORY', value: String(memory) },
      ...(gpus > 0 ? [{ type: 'GPU', value: String(gpus) }] : []),
    ],
    privileged: false,
    linuxParameters: {
      initProcessEnabled: true,
      sharedMemorySize: Math.floor(memory * SHARED_MEMORY_SHARE),
      ...(hasFabric && { devices: fabricDevices(efaCards) }),
    },
    ulimits: [
      { name: 'memlock', hardLimit: -1, softLimit: -1 },
      { name: 'nofile', hardLimit: 65_536, softLimit: 65_536 },
    ],
    // The notice of a spot machine is asked for only where there is one to come.
    environment: spot ? [{ name: 'TUNEPLANE_SPOT', value: '1' }] : [],
    logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': logGroupName, 'awslogs-stream-prefix': name } },
  };
}

/** docs.aws.amazon.com/batch/latest/userguide/efa.html */
const fabricDevices = (cards: number): { hostPath: string; containerPath: string; permissions: string[] }[] =>
  Array.from({ length: cards }, (_, card) => ({
    hostPath: `/dev/infiniband/uverbs${card}`,
    containerPath: `/dev/infiniband/uverbs${card}`,
    permissions: ['READ', 'WRITE', 'MKNOD'],
  }));
