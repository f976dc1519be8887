/** What is deployed of a stage: the templates of its stacks, and what they say of themselves. */
import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
  type Stack,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation';
import * as z from 'zod';
import type { Template } from '../../lib/fixed-prices.ts';
import { serviceStackName, stateStackName } from '../../lib/stage.ts';
import { CommandError } from './stage-context.ts';

const templateSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() })),
});

/** Null where there is no such stack. */
export async function findStack(name: string, client = new CloudFormationClient({})): Promise<Stack | null> {
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: name }));
    const [stack] = Stacks ?? [];
    return stack && stack.StackStatus !== 'DELETE_COMPLETE' ? stack : null;
  } catch (error) {
    if (error instanceof CloudFormationServiceException && /does not exist/.test(error.message)) return null;
    throw error;
  }
}

/** Null for a stack that is not there, or that never came up. */
export async function readTemplate(name: string): Promise<Template | null> {
  const client = new CloudFormationClient({});
  const stack = await findStack(name, client);
  if (stack === null || stack.StackStatus === 'REVIEW_IN_PROGRESS' || stack.StackStatus === 'ROLLBACK_COMPLETE') return null;
  const { TemplateBody = '' } = await client.send(new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }));
  return templateSchema.parse(JSON.parse(TemplateBody));
}

/** Of both stacks, by the names that `lib/` gives them. */
export type Outputs = Readonly<Record<string, string>>;

/** @throws CommandError where the stage is not deployed */
export async function readOutputs(stage: string): Promise<Outputs> {
  const [state, service] = await Promise.all([findStack(stateStackName(stage)), findStack(serviceStackName(stage))]);
  if (state === null || service === null) throw new CommandError(`stage '${stage}' is not deployed here: npm run deploy -- ${stage}`);
  const outputs = [state, service].flatMap(({ Outputs = [] }) => Outputs);
  return Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

/** @throws CommandError where the stage is of a release that did not have it */
export function outputOf(outputs: Outputs, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new CommandError(`the deployed stage does not say '${name}': deploy this release first`);
  return value;
}

/** Physical ids of a stack's resources of one type. */
export async function resourcesOf(stack: string, type: string): Promise<string[]> {
  const all = await listResources(stack);
  return all.flatMap(({ ResourceType, PhysicalResourceId }) => (ResourceType === type && PhysicalResourceId ? [PhysicalResourceId] : []));
}

/** @throws CommandError where the stack has no such resource */
export async function physicalIdOf(stack: string, logicalId: string): Promise<string> {
  const found = (await listResources(stack)).find(({ LogicalResourceId }) => LogicalResourceId === logicalId)?.PhysicalResourceId;
  if (found === undefined) throw new CommandError(`stack ${stack} has no ${logicalId}`);
  return found;
}

async function listResources(StackName: string): Promise<StackResourceSummary[]> {
  const client = new CloudFormationClient({});
  const found: StackResourceSummary[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListStackResourcesCommand({ StackName, ...(NextToken !== undefined && { NextToken }) }));
    found.push(...(page.StackResourceSummaries ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}
