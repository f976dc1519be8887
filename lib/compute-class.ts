/**
 * A compute class in AWS Batch: a compute environment that starts machines, a queue before it, and one job definition for each image that
 * may run there. All that a run can become is decided here: when it starts, nothing is registered and no role is passed.
 *
 * What is in use is never replaced. A compute environment changes in place (`replaceComputeEnvironment: false`): its machines go on with
 * the runs that they have, for six hours at most, and those runs go on from their checkpoint. Neither has a name or tags of its own: a
 * change of either would be another resource.
 * Source: docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html
 */

import { Fn } from 'aws-cdk-lib';
import { CfnComputeEnvironment, CfnJobDefinition, CfnJobQueue } from 'aws-cdk-lib/aws-batch';
import { CfnPlacementGroup } from 'aws-cdk-lib/aws-ec2';
import type { InstanceProfile, Role } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type * as z from 'zod';
import type { computeClassSchema } from '#aws/batch/compute-classes.ts';
import { toJobContainer } from './job-container.ts';
import { createMachineLaunch } from './machine-launch.ts';
import type { Network } from './network.ts';
import { type ClassMachine, type ComputeSettings, machineOf } from './settings/compute-settings.ts';

/** The longest that AWS Batch takes. */
const UPDATE_MINUTES = 360;
/** The plane gives a run without capacity up after 24 h; should the plane be away, the queue does. A job that fits no machine never will. */
const RUNNABLE_LIMITS = [
  { reason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', maxTimeSeconds: 86_400 },
  { reason: 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE', maxTimeSeconds: 86_400 },
  { reason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', maxTimeSeconds: 600 },
];

export interface BatchComputeClassProps {
  readonly settings: ComputeSettings;
  readonly network: Network;
  readonly profile: InstanceProfile;
  readonly jobRole: Role;
  readonly logs: ILogGroup;
  /** image to run, by the name that requests give it */
  readonly images: Readonly<Record<string, string>>;
}

export class BatchComputeClass extends Construct {
  readonly settings: ComputeSettings;
  readonly machine: ClassMachine;
  readonly queue: CfnJobQueue;
  readonly environment: CfnComputeEnvironment;
  readonly definitions: Readonly<Record<string, CfnJobDefinition>>;

  constructor(scope: Construct, id: string, props: BatchComputeClassProps) {
    super(scope, id);
    this.settings = props.settings;
    this.machine = machineOf(props.settings);
    this.environment = this.#createEnvironment(props);
    this.queue = new CfnJobQueue(this, 'Queue', {
      priority: 1,
      computeEnvironmentOrder: [{ order: 1, computeEnvironment: this.environment.ref }],
      jobStateTimeLimitActions: RUNNABLE_LIMITS.map((limit) => ({ ...limit, state: 'RUNNABLE', action: 'CANCEL' })),
    });
    this.definitions = Object.fromEntries(
      Object.entries(props.images).map(([name, image]) => [name, this.#createDefinition(name, image, props)]),
    );
  }

  /** What the plane is told of it, by names: an environment holds 4 KB. */
  toComputeClass(): z.input<typeof computeClassSchema> {
    const { name, nodes, spot, maxVcpus } = this.settings;
    const { gpuType, gpus, gpuMemoryGb, usdPerHour, vcpus, quotaCode } = this.machine;
    return {
      name,
      queue: Fn.select(1, Fn.split('job-queue/', this.queue.ref)),
      jobDefinitions: Object.fromEntries(
        Object.entries(this.definitions).map(([image, { ref }]) => [image, Fn.select(1, Fn.split('job-definition/', ref))]),
      ),
      gpuType,
      gpus,
      // What is as the schema takes it to be is left out.
      ...(gpuMemoryGb > 0 && { gpuMemoryGb }),
      ...(spot && { spot }),
      ...(usdPerHour !== null && { usdPerHour }),
      vcpus,
      nodes,
      atOnce: Math.floor(maxVcpus / (vcpus * nodes)),
      quotaCode,
    };
  }

  #createEnvironment({ settings, network, profile }: BatchComputeClassProps): CfnComputeEnvironment {
    const { spot, nodes, maxVcpus, instanceTypes } = settings;
    const { gpus, efaCards } = this.machine;
    const together = nodes > 1 ? network.together : null;
    const hasFabric = together !== null && efaCards > 0;
    const launch = createMachineLaunch(this, 'Launch', { settings, machine: this.machine, together });
    // The machines of one run are side by side in one zone; a run on one machine takes whatever zone has one.
    const subnets = nodes > 1 ? network.subnets.slice(0, 1) : network.subnets;
    return new CfnComputeEnvironment(this, 'Environment', {
      type: 'MANAGED',
      state: 'ENABLED',
      replaceComputeEnvironment: false,
      updatePolicy: { terminateJobsOnUpdate: false, jobExecutionTimeoutMinutes: UPDATE_MINUTES },
      computeResources: {
        type: spot ? 'SPOT' : 'EC2',
        allocationStrategy: spot ? 'SPOT_PRICE_CAPACITY_OPTIMIZED' : 'BEST_FIT_PROGRESSIVE',
        minvCpus: 0,
        maxvCpus: maxVcpus,
        instanceTypes,
        subnets: subnets.map(({ subnetId }) => subnetId),
        // With adapters the launch template names the group: EC2 takes it once.
        ...(!hasFabric && { securityGroupIds: [(together ?? network.closed).securityGroupId] }),
        instanceRole: profile.instanceProfileArn,
        launchTemplate: { launchTemplateId: launch.ref, version: launch.attrLatestVersionNumber },
        ec2Configuration: [{ imageType: gpus > 0 ? 'ECS_AL2023_NVIDIA' : 'ECS_AL2023' }],
        ...(nodes > 1 && { placementGroup: new CfnPlacementGroup(this, 'Together', { strategy: 'cluster' }).ref }),
        tags: { Name: `tuneplane-${settings.name}` },
      },
    });
  }

  #createDefinition(name: string, image: string, { settings, jobRole, logs }: BatchComputeClassProps): CfnJobDefinition {
    const container = toJobContainer({
      image,
      jobRoleArn: jobRole.roleArn,
      logGroupName: logs.logGroupName,
      settings,
      machine: this.machine,
    });
    return new CfnJobDefinition(this, toDefinitionId(name), {
      type: settings.nodes > 1 ? 'multinode' : 'container',
      retryStrategy: { attempts: 1 }, // the plane alone tries again
      propagateTags: true,
      ...(settings.nodes > 1
        ? { nodeProperties: { numNodes: settings.nodes, mainNode: 0, nodeRangeProperties: [{ targetNodes: '0:', container }] } }
        : { platformCapabilities: ['EC2'], containerProperties: container }),
    });
  }
}

/** Logical ids are letters and digits: `team/trainer:v3` is TeamTrainerV3. */
const toDefinitionId = (name: string): string =>
  `Image${name
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')}`;
