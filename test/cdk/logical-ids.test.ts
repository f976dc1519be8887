/**
 * What holds state keeps its logical id for ever: another id is another resource, and the one before is lost. These ids are written by hand.
 * Whoever has to change this file moves a construct that people have data in.
 */
import { beforeAll, expect, test } from 'vitest';
import { planDeployment, STATEFUL_TYPES, sortLosses } from '../../bin/aws/deployment-plan.ts';
import type { Template } from '../../lib/fixed-prices.ts';
import { IMAGE, SynthesizedStage } from './synthesized-stage.ts';

const IDS = {
  'AWS::DynamoDB::Table': ['RunsE45A2291'],
  'AWS::S3::Bucket': ['Artifacts82DD59A1', 'WebDashboardFilesB9E514AB'],
  'AWS::SecretsManager::Secret': ['TokenCB33349F', 'Key961B73FD'],
  'AWS::Batch::ComputeEnvironment': [
    'ComputeClassCpuEnvironment8797ED7A',
    'ComputeClassA10gEnvironmentEE7DFE96',
    'ComputeClassA10gSpotEnvironment0AAE8F53',
    'ComputeClassA10g4EnvironmentC691F266',
  ],
  'AWS::Batch::JobQueue': [
    'ComputeClassCpuQueue792BE854',
    'ComputeClassA10gQueueAD18CA04',
    'ComputeClassA10gSpotQueueFC877C21',
    'ComputeClassA10g4Queue8F05A48C',
  ],
  'AWS::StepFunctions::StateMachine': ['Workflow193EF7C1'],
  'AWS::CloudFront::Distribution': ['FrontDoorDistribution20F29BA2'],
  'AWS::ApiGatewayV2::Api': ['HttpApi4E1D4184', 'SocketsApi04DF8096'],
  'AWS::Events::EventBus': ['EventsBus45DE4339'],
  'AWS::EC2::VPC': ['ComputeNetworkVpc18965FC9'],
};

const NAME_OF = {
  'AWS::Batch::ComputeEnvironment': 'ComputeEnvironmentName',
  'AWS::Batch::JobDefinition': 'JobDefinitionName',
  'AWS::Batch::JobQueue': 'JobQueueName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::ECR::Repository': 'RepositoryName',
  'AWS::EC2::LaunchTemplate': 'LaunchTemplateName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::SecretsManager::Secret': 'Name',
  'AWS::SQS::Queue': 'QueueName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
};

let stage: SynthesizedStage;
beforeAll(() => {
  stage = new SynthesizedStage();
});

test('every resource that holds state has the logical id that it always had', () => {
  expect(Object.keys(IDS).sort()).toEqual([...STATEFUL_TYPES].sort());
  for (const [type, ids] of Object.entries(IDS)) expect(Object.keys(stage.resources(type)), type).toEqual(ids);
});

test('table, bucket and secrets stay when their stack goes, and cannot be deleted by accident', () => {
  for (const type of ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'])
    for (const { DeletionPolicy } of Object.values(stage.stateResources(type))) expect(DeletionPolicy, type).toBe('Retain');
  expect(stage.properties('AWS::DynamoDB::Table')).toEqual([expect.objectContaining({ DeletionProtectionEnabled: true })]);
});

test('resources have generated names, so that none stands in the way of another; the workflow alone is known by its name', () => {
  const named = Object.entries(NAME_OF).flatMap(([type, name]) =>
    Object.entries(stage.resources(type)).filter(([, { Properties }]) => name in Properties),
  );

  expect(named.map(([id]) => id)).toEqual(['Workflow193EF7C1']);
});

const settingsAfter: [string, Readonly<Record<string, unknown>>][] = [
  ['a gateway', { network: 'nat' }],
  ['another image', { image: IMAGE }],
  ['further images', { images: { team: IMAGE } }],
  ['more zones', { availabilityZones: 4 }],
  ['subscribers', { subscribers: ['210987654321'] }],
  ['logs for a week', { logDays: 7 }],
  ['data elsewhere', { storage: { data: ['s3://team-data/'], bases: ['s3://team-runs/'] } }],
  ['a mail address', { alertEmail: 'team@example.com' }],
  [
    'other machines in the same classes',
    {
      compute: [
        { name: 'cpu', instanceTypes: ['m5.xlarge'], maxVcpus: 4, diskGb: 100 },
        { name: 'a10g', instanceTypes: ['g6.xlarge'], maxVcpus: 64 },
        { name: 'a10g-spot', instanceTypes: ['g5.xlarge'], spot: false, maxVcpus: 16 },
        { name: 'a10g-4', instanceTypes: ['g6.12xlarge'], maxVcpus: 96 },
      ],
    },
  ],
];

test.each(settingsAfter)('a deployment with %s replaces nothing that holds state', (_, settings) => {
  const after = new SynthesizedStage(settings);

  const { changes, losses } = planDeployment(stacksOf(stage, after));

  expect(losses).toEqual([]);
  expect(changes.length).toBeGreaterThan(0);
});

test('a class that is taken out of the settings is a loss, which the plan refuses', () => {
  const fewer = new SynthesizedStage({ compute: [{ name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 8 }] });

  const { losses } = planDeployment(stacksOf(stage, fewer));

  expect(losses.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual(
    [...IDS['AWS::Batch::ComputeEnvironment'].slice(1), ...IDS['AWS::Batch::JobQueue'].slice(1)].map((id) => `remove ${id}`).sort(),
  );
});

test('a class that the operator names may go, with its queue and environment and nothing else', () => {
  const fewer = new SynthesizedStage({ compute: [{ name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 8 }] });
  const plan = planDeployment(stacksOf(stage, fewer));

  const { refused, taken } = sortLosses(plan, ['a10g', 'a10g-spot']);

  expect(taken.map(({ id }) => id).sort()).toEqual(
    [1, 2].flatMap((index) => [IDS['AWS::Batch::ComputeEnvironment'][index], IDS['AWS::Batch::JobQueue'][index]]).sort(),
  );
  expect(refused.map(({ id }) => id).sort()).toEqual([IDS['AWS::Batch::ComputeEnvironment'][3], IDS['AWS::Batch::JobQueue'][3]]);
});

test('a key that another release changed is a loss', () => {
  const [state] = stacksOf(stage, stage);
  const after = structuredClone(state?.after) as { Resources: Record<string, { Properties: Record<string, unknown> }> };
  Object.assign(after.Resources['RunsE45A2291']?.Properties ?? {}, { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] });

  const { losses } = planDeployment([{ name: 'state', before: state?.before ?? null, after: after as unknown as Template }]);

  expect(losses).toEqual([expect.objectContaining({ id: 'RunsE45A2291', kind: 'replace', properties: ['KeySchema'] })]);
});

test('queues and environments of AWS Batch have no tags of their own: a tag that changed would be another queue', () => {
  for (const type of ['AWS::Batch::ComputeEnvironment', 'AWS::Batch::JobQueue'])
    for (const properties of stage.properties(type)) expect(Object.keys(properties)).not.toContain('Tags');
});

function stacksOf(before: SynthesizedStage, after: SynthesizedStage) {
  return (['state', 'service'] as const).map((name) => ({
    name,
    before: before[name].toJSON() as Template,
    after: after[name].toJSON() as Template,
  }));
}
