/** How a machine of a compute class starts: its disk, its metadata service, and what the agent of ECS on it is told. */
import { CfnLaunchTemplate, type SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { ClassMachine, ComputeSettings } from './settings/compute-settings.ts';

/** What a spot notice leaves: between SIGTERM and SIGKILL a trainer saves its last checkpoint. */
const STOP_SECONDS = 120;

export interface MachineLaunchProps {
  readonly settings: ComputeSettings;
  readonly machine: ClassMachine;
  /** of the machines of one run, for several nodes */
  readonly together: SecurityGroup | null;
}

export function createMachineLaunch(scope: Construct, id: string, { settings, machine, together }: MachineLaunchProps): CfnLaunchTemplate {
  const { spot, nodes, diskGb } = settings;
  return new CfnLaunchTemplate(scope, id, {
    launchTemplateData: {
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        // One hop ends at the machine: a container gets no answer. On a spot machine the trainer has to hear the notice, which is one hop further.
        httpPutResponseHopLimit: spot ? 2 : 1,
      },
      blockDeviceMappings: [
        { deviceName: '/dev/xvda', ebs: { volumeType: 'gp3', volumeSize: diskGb, encrypted: true, deleteOnTermination: true } },
      ],
      userData: Buffer.from(userData(spot, nodes)).toString('base64'),
      ...(together && machine.efaCards > 0 && { networkInterfaces: fabricAdapters(machine.efaCards, together) }),
    },
  });
}

/**
 * AWS Batch takes user data as MIME parts, and puts its own beside it.
 * Source: docs.aws.amazon.com/batch/latest/userguide/launch-templates.html, docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
 */
function userData(spot: boolean, nodes: number): string {
  const agent = [
    `ECS_CONTAINER_STOP_TIMEOUT=${STOP_SECONDS}s`,
    'ECS_DISABLE_PRIVILEGED=true',
    // Images are named by what is in them, so one that is there is the right one.
    'ECS_IMAGE_PULL_BEHAVIOR=prefer-cached',
    ...(spot ? ['ECS_ENABLE_SPOT_INSTANCE_DRAINING=true'] : []),
    ...(nodes > 1 ? ['ECS_AWSVPC_BLOCK_IMDS=true'] : []),
  ];
  return [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary="==TUNEPLANE=="',
    '',
    '--==TUNEPLANE==',
    'Content-Type: text/x-shellscript; charset="us-ascii"',
    '',
    '#!/bin/bash',
    ...agent.map((line) => `echo ${line} >> /etc/ecs/ecs.config`),
    '',
    '--==TUNEPLANE==--',
    '',
  ].join('\n');
}

/**
 * One adapter on each network card, the first as the machine's own interface.
 * Source: docs.aws.amazon.com/batch/latest/userguide/efa.html, docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
 */
const fabricAdapters = (cards: number, { securityGroupId }: SecurityGroup): CfnLaunchTemplate.NetworkInterfaceProperty[] =>
  Array.from({ length: cards }, (_, card) => ({
    networkCardIndex: card,
    deviceIndex: card === 0 ? 0 : 1,
    interfaceType: 'efa',
    groups: [securityGroupId],
    deleteOnTermination: true,
  }));
