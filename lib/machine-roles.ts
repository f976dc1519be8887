/** What a machine may do, and what a job on it may do: the one serves ECS, the other nothing at all. */
import { Stack } from 'aws-cdk-lib';
import type { IRepository } from 'aws-cdk-lib/aws-ecr';
import { Effect, InstanceProfile, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { allow, allowMany } from './wildcards.ts';

export interface MachineRolesProps {
  readonly logs: ILogGroup;
  /** repositories of this account's registry that images are pulled from */
  readonly repositories: readonly Pick<IRepository, 'repositoryArn'>[];
}

/** In place of AWS's own policy for machines of ECS, which lets any of them pull every image and write every log of the account. */
export function createInstanceProfile(scope: Construct, { logs, repositories }: MachineRolesProps): InstanceProfile {
  const { partition, region, account } = Stack.of(scope);
  const role = new Role(scope, 'MachineRole', {
    assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    description: 'Machines of AWS Batch: what the agent of ECS on them needs',
  });
  allowMany(
    role,
    'AWS Batch makes the cluster of a compute environment, and names it',
    [
      'ecs:RegisterContainerInstance',
      'ecs:DeregisterContainerInstance',
      'ecs:SubmitTaskStateChange',
      'ecs:SubmitContainerStateChange',
      'ecs:SubmitAttachmentStateChanges',
    ],
    `arn:${partition}:ecs:${region}:${account}:cluster/*`,
  );
  allowMany(
    role,
    'a machine has its name in the cluster when it has come',
    ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'],
    `arn:${partition}:ecs:${region}:${account}:container-instance/*`,
  );
  allowMany(role, 'these know no resources', ['ecs:DiscoverPollEndpoint', 'ecr:GetAuthorizationToken'], '*');
  if (repositories.length > 0) {
    allow(
      role,
      ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
      ...repositories.map(({ repositoryArn }) => repositoryArn),
    );
  }
  allowMany(role, 'a stream for each job', ['logs:CreateLogStream', 'logs:PutLogEvents'], `${logs.logGroupArn}:*`);
  return new InstanceProfile(scope, 'MachineProfile', { role });
}

/** A trainer gets what it may do from the plane, for an hour and for its own attempt; what its job brings along opens nothing. */
export function createJobRole(scope: Construct): Role {
  const role = new Role(scope, 'JobRole', {
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description: 'Jobs of AWS Batch: may do nothing',
  });
  role.addToPolicy(new PolicyStatement({ effect: Effect.DENY, actions: ['*'], resources: ['*'] }));
  return role;
}
