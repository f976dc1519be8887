/** Machines: how they start, what they may, and what a job on them is. */
import { beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { computeClassSchema } from '#aws/batch/compute-classes.ts';
import { IMAGE, type Resource, SynthesizedStage, textOf } from './synthesized-stage.ts';

const P4D = { name: 'a100-nodes', instanceTypes: ['p4d.24xlarge'], nodes: 4, maxVcpus: 384 };

let stage: SynthesizedStage;
let nodes: SynthesizedStage;
beforeAll(() => {
  stage = new SynthesizedStage();
  nodes = new SynthesizedStage({ network: 'nat', image: IMAGE, compute: [P4D] });
});

const only = (list: readonly Resource['Properties'][]): Resource['Properties'] => {
  expect(list.length).toBe(1);
  return list[0] ?? {};
};
const ofClass = (of: SynthesizedStage, type: string, className: string): Resource['Properties'] =>
  only(
    Object.entries(of.resources(type))
      .filter(([id]) => id.startsWith(`ComputeClass${className}`))
      .map(([, { Properties }]) => Properties),
  );

test('nothing runs while nothing trains, and nothing is let in', () => {
  for (const { ComputeResources } of stage.properties('AWS::Batch::ComputeEnvironment'))
    expect(ComputeResources).toMatchObject({ MinvCpus: 0 });
  for (const group of stage.properties('AWS::EC2::SecurityGroup')) expect(group).not.toHaveProperty('SecurityGroupIngress');
  for (const type of ['AWS::EC2::NatGateway', 'AWS::EC2::EIP', 'AWS::EC2::Instance', 'AWS::EC2::SecurityGroupIngress'])
    expect(Object.keys(stage.resources(type)), type).toEqual([]);
});

test('S3 and DynamoDB are reached without a gateway that is paid for', () => {
  expect(stage.properties('AWS::EC2::VPCEndpoint').map(({ VpcEndpointType }) => VpcEndpointType)).toEqual(['Gateway', 'Gateway']);
  expect(textOf(stage.properties('AWS::EC2::VPCEndpoint'))).toMatch(/\.s3".*\.dynamodb"/);
});

test('an environment changes in place, and lets the runs that it has go on', () => {
  for (const properties of stage.properties('AWS::Batch::ComputeEnvironment')) {
    expect(properties).toMatchObject({
      ReplaceComputeEnvironment: false,
      UpdatePolicy: { TerminateJobsOnUpdate: false, JobExecutionTimeoutMinutes: 360 },
    });
  }
});

test('the zones are those that the account has in the region, which CloudFormation looks up', () => {
  const zones = stage.properties('AWS::EC2::Subnet').map(({ AvailabilityZone }) => AvailabilityZone);

  expect(zones).toEqual([0, 1, 2].map((index) => ({ 'Fn::Select': [index, { 'Fn::GetAZs': '' }] })));
});

test('a machine asks for its metadata with a session, its disk is encrypted, and a container has no way to its role', () => {
  for (const { LaunchTemplateData } of stage.properties('AWS::EC2::LaunchTemplate')) {
    expect(LaunchTemplateData).toMatchObject({
      MetadataOptions: { HttpTokens: 'required', HttpEndpoint: 'enabled' },
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { Encrypted: true, VolumeType: 'gp3', DeleteOnTermination: true } }],
    });
  }
  expect(hopsOf(ofClass(stage, 'AWS::EC2::LaunchTemplate', 'A10gLaunch'))).toBe(1);
});

test('on a spot machine the notice of its end reaches the trainer, who has two minutes', () => {
  const launch = ofClass(stage, 'AWS::EC2::LaunchTemplate', 'A10gSpot');
  const definition = ofClass(stage, 'AWS::Batch::JobDefinition', 'A10gSpot');

  expect(hopsOf(launch)).toBe(2);
  expect(userDataOf(launch)).toContain('ECS_CONTAINER_STOP_TIMEOUT=120s');
  expect(userDataOf(launch)).toContain('ECS_ENABLE_SPOT_INSTANCE_DRAINING=true');
  expect(textOf(definition)).toContain('{"Name":"TUNEPLANE_SPOT","Value":"1"}');
  expect(ofClass(stage, 'AWS::Batch::ComputeEnvironment', 'A10gSpot')['ComputeResources']).toMatchObject({
    Type: 'SPOT',
    AllocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED',
  });
});

test('a machine that is not spot says nothing of notices', () => {
  const launch = ofClass(stage, 'AWS::EC2::LaunchTemplate', 'A10gLaunch');

  expect(userDataOf(launch)).toContain('ECS_CONTAINER_STOP_TIMEOUT=120s');
  expect(userDataOf(launch)).not.toContain('SPOT');
  expect(textOf(ofClass(stage, 'AWS::Batch::JobDefinition', 'A10gImage'))).not.toContain('TUNEPLANE_SPOT');
});

test('a job has its whole machine, is tried once, and is no more than its image', () => {
  const definition = ofClass(stage, 'AWS::Batch::JobDefinition', 'A10gImage');

  expect(definition).toMatchObject({ Type: 'container', RetryStrategy: { Attempts: 1 }, PropagateTags: true });
  expect(definition['ContainerProperties']).toMatchObject({
    Command: [],
    Privileged: false,
    ResourceRequirements: [
      { Type: 'VCPU', Value: '4' },
      { Type: 'MEMORY', Value: '14745' },
      { Type: 'GPU', Value: '1' },
    ],
  });
});

test('a job that cannot get a machine is given up by its queue, at the latest when the plane would', () => {
  const [{ JobStateTimeLimitActions } = {}] = stage.properties('AWS::Batch::JobQueue');

  expect(JobStateTimeLimitActions).toEqual([
    { Action: 'CANCEL', State: 'RUNNABLE', Reason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', MaxTimeSeconds: 86_400 },
    { Action: 'CANCEL', State: 'RUNNABLE', Reason: 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE', MaxTimeSeconds: 86_400 },
    { Action: 'CANCEL', State: 'RUNNABLE', Reason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', MaxTimeSeconds: 600 },
  ]);
});

test('there is a job definition for each class and image, by digest; the plane is told all of them', () => {
  const both = new SynthesizedStage({ image: IMAGE, images: { 'team/trainer:v3': IMAGE.replace(/a{64}$/, 'b'.repeat(64)) } });
  const images = both
    .properties('AWS::Batch::JobDefinition')
    .map(({ ContainerProperties }) => z.looseObject({ Image: z.string() }).parse(ContainerProperties).Image);

  expect(images.length).toBe(8);
  for (const image of images) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  const classes = toldClasses(both);
  expect(classes.map(({ name, spot, gpus, vcpus, atOnce, usdPerHour }) => ({ name, spot, gpus, vcpus, atOnce, usdPerHour }))).toEqual([
    { name: 'cpu', spot: false, gpus: 0, vcpus: 4, atOnce: 2, usdPerHour: 0.2016 },
    { name: 'a10g', spot: false, gpus: 1, vcpus: 4, atOnce: 4, usdPerHour: 1.212 },
    { name: 'a10g-spot', spot: true, gpus: 1, vcpus: 4, atOnce: 4, usdPerHour: 1.212 },
    { name: 'a10g-4', spot: false, gpus: 4, vcpus: 48, atOnce: 1, usdPerHour: 5.672 },
  ]);
  for (const { jobDefinitions } of classes) expect(Object.keys(jobDefinitions)).toEqual(['trainer', 'team/trainer:v3']);
});

test('an image that the account builds is named by the hash of its sources, under a tag that nobody can move', () => {
  const [{ ImageTagMutability } = {}] = stage.properties('AWS::ECR::Repository');
  const [definition] = stage.properties('AWS::Batch::JobDefinition');

  expect(ImageTagMutability).toBe('IMMUTABLE');
  expect(textOf(definition)).toMatch(/:[0-9a-f]{32}"/);
  expect(stage.properties('AWS::CodeBuild::Project')).toEqual([
    expect.objectContaining({ Environment: expect.objectContaining({ PrivilegedMode: true }) }),
  ]);
  expect(Object.keys(stage.resources('Custom::TrainerBuild')).length).toBe(1);
});

test('with an image that is given nothing is built', () => {
  const given = new SynthesizedStage({ image: IMAGE });

  for (const type of ['AWS::CodeBuild::Project', 'AWS::ECR::Repository', 'Custom::TrainerBuild'])
    expect(Object.keys(given.resources(type)), type).toEqual([]);
  expect(given.properties('AWS::Lambda::Function').map(({ Handler }) => Handler)).not.toContain('trainer-build.handler');
});

test('the machines of one run are side by side in one zone, talk to each other alone, and have an adapter on each network card', () => {
  const { ComputeResources } = only(nodes.properties('AWS::Batch::ComputeEnvironment'));
  const { LaunchTemplateData } = only(nodes.properties('AWS::EC2::LaunchTemplate'));
  const definition = only(nodes.properties('AWS::Batch::JobDefinition'));

  expect(ComputeResources).toMatchObject({ Type: 'EC2', Subnets: [expect.anything()], PlacementGroup: expect.anything() });
  expect(ComputeResources).not.toHaveProperty('SecurityGroupIds');
  expect(LaunchTemplateData).toMatchObject({
    NetworkInterfaces: [0, 1, 2, 3].map((card) => ({ NetworkCardIndex: card, DeviceIndex: card === 0 ? 0 : 1, InterfaceType: 'efa' })),
  });
  expect(definition).toMatchObject({
    Type: 'multinode',
    NodeProperties: { NumNodes: 4, MainNode: 0, NodeRangeProperties: [{ TargetNodes: '0:' }] },
  });
  expect(textOf(definition).match(/\/dev\/infiniband\/uverbs\d","HostPath/g)?.length).toBe(4);
  const together = nodes.properties('AWS::EC2::SecurityGroupIngress');
  expect(together).toEqual([expect.objectContaining({ IpProtocol: '-1', SourceSecurityGroupId: expect.anything() })]);
  expect(together[0]?.['GroupId']).toEqual(together[0]?.['SourceSecurityGroupId']);
});

test('several nodes without an adapter have the group from their environment', () => {
  const plain = new SynthesizedStage({
    network: 'nat',
    image: IMAGE,
    compute: [{ name: 'nodes', instanceTypes: ['g5.xlarge'], nodes: 2, maxVcpus: 8 }],
  });

  expect(only(plain.properties('AWS::Batch::ComputeEnvironment'))['ComputeResources']).toHaveProperty('SecurityGroupIds');
  expect(textOf(plain.properties('AWS::EC2::LaunchTemplate'))).not.toContain('efa');
});

const hopsOf = (launch: Resource['Properties']): number =>
  z.looseObject({ MetadataOptions: z.looseObject({ HttpPutResponseHopLimit: z.int() }) }).parse(launch['LaunchTemplateData'])
    .MetadataOptions.HttpPutResponseHopLimit;

const userDataOf = (launch: Resource['Properties']): string =>
  Buffer.from(z.looseObject({ UserData: z.string() }).parse(launch['LaunchTemplateData']).UserData, 'base64').toString();

/** As a function reads them; what CloudFormation fills in is a placeholder. */
function toldClasses(of: SynthesizedStage) {
  const [advance] = of.properties('AWS::Lambda::Function').filter(({ Handler }) => Handler === 'advance-run.handler');
  const variables = z.looseObject({ Variables: z.record(z.string(), z.unknown()) }).parse(advance?.['Environment']).Variables;
  const joined = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) }).parse(variables['TUNEPLANE_COMPUTE_CLASSES']);
  const text = joined['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'name')).join('');
  return z.array(computeClassSchema).parse(JSON.parse(text));
}
