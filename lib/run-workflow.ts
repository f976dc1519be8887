/**
 * The state machine of a run, whose definition is `lambdas/aws/state-machine.ts`.
 *
 * It is the one resource with a name of its own: its task function starts the next generation of it, so each needs to know the other, and a
 * name is known before either is there.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { defineStateMachine } from '#aws/state-machine.ts';
import { allow } from './wildcards.ts';

const TASK_LOGS = 'its one task function logs every round with the id of the run';

export const workflowName = (scope: Construct): string => `${Stack.of(scope).stackName}-runs`;

export function workflowArn(scope: Construct): string {
  const { partition, region, account } = Stack.of(scope);
  return `arn:${partition}:states:${region}:${account}:stateMachine:${workflowName(scope)}`;
}

export function createRunWorkflow(scope: Construct, task: IFunction): StateMachine {
  const role = new Role(scope, 'WorkflowRole', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
  allow(role, ['lambda:InvokeFunction'], task.functionArn);
  const machine = new StateMachine(scope, 'Workflow', {
    stateMachineName: workflowName(scope),
    stateMachineType: StateMachineType.STANDARD,
    definitionBody: DefinitionBody.fromString(Stack.of(scope).toJsonString(defineStateMachine(task.functionArn))),
    role,
  });
  Validations.of(machine).acknowledge(
    { id: 'AwsSolutions-SF1', reason: 'a standard workflow keeps its history for 90 days; the log would be the same again, by the GB' },
    { id: 'AwsSolutions-SF2', reason: TASK_LOGS },
    { id: 'Serverless-StepFunctionStateMachineXray', reason: TASK_LOGS },
  );
  return machine;
}
