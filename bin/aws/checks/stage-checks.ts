/** Is a deployed stage well? */
import { BatchClient, DescribeComputeEnvironmentsCommand } from '@aws-sdk/client-batch';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { BatchGetBuildsCommand, CodeBuildClient, ListBuildsForProjectCommand } from '@aws-sdk/client-codebuild';
import { DescribeImagesCommand, ECRClient, ImageNotFoundException } from '@aws-sdk/client-ecr';
import { serviceStackName, stateStackName } from '../../../lib/stage.ts';
import { deadLetterQueues } from '../dead-letters.ts';
import { findStack, type Outputs, resourcesOf } from '../deployed-stage.ts';
import { bad, type Check, type Finding, good, poor } from './finding.ts';

const WELL = /^(CREATE|UPDATE|IMPORT)_COMPLETE$/;
const ANSWER_MILLIS = 10_000;

export function stageChecks(stage: string, outputs: Outputs): Check[] {
  const service = serviceStackName(stage);
  return [
    { name: 'stacks', look: () => Promise.all([stateStackName(stage), service].map(checkStack)) },
    { name: 'plane', look: () => checkPlane(outputs['Url'] ?? '') },
    { name: 'queues', look: () => checkComputeEnvironments(service) },
    ...(outputs['ImageTag'] === undefined ? [] : [{ name: 'image', look: () => checkImage(outputs) }]),
    { name: 'alarms', look: () => checkAlarms(service) },
    { name: 'dead letters', look: () => checkDeadLetters(stage, outputs) },
  ];
}

async function checkStack(name: string): Promise<Finding> {
  const stack = await findStack(name);
  if (stack === null) return bad(`stack ${name} is not there`, 'npm run deploy');
  const { StackStatus: status = '', StackStatusReason: reason } = stack;
  if (WELL.test(status)) return good(`stack ${name}: ${status}`);
  return bad(`stack ${name}: ${status}${reason ? ` (${reason})` : ''}`, 'look at its events in CloudFormation, then deploy again');
}

async function checkPlane(url: string): Promise<Finding> {
  try {
    const { status } = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MILLIS) });
    return status === 200 ? good(`${url} is ready`) : bad(`${url}/readyz answers ${status}`, 'look at the log of the function "platform"');
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const said = cause instanceof Error ? cause.message : String(cause);
    return bad(`${url} does not answer: ${said}`, 'a new distribution takes some minutes until every edge knows it');
  }
}

async function checkComputeEnvironments(stack: string): Promise<Finding[]> {
  const names = await resourcesOf(stack, 'AWS::Batch::ComputeEnvironment');
  const { computeEnvironments = [] } = await new BatchClient({}).send(
    new DescribeComputeEnvironmentsCommand({ computeEnvironments: names }),
  );
  return computeEnvironments.map(({ computeEnvironmentName: name, status, state, statusReason }) =>
    status === 'VALID' && state === 'ENABLED'
      ? good(`compute environment ${name} takes jobs`)
      : bad(
          `compute environment ${name}: ${status}, ${state}: ${statusReason ?? 'no reason given'}`,
          'mend what it names; runs wait and say so',
        ),
  );
}

async function checkImage({ ImageRepository, ImageTag, ImageProject }: Outputs): Promise<Finding> {
  try {
    await new ECRClient({}).send(new DescribeImagesCommand({ repositoryName: ImageRepository, imageIds: [{ imageTag: ImageTag }] }));
    return good(`the trainer image ${ImageTag} is there`);
  } catch (error) {
    if (!(error instanceof ImageNotFoundException)) throw error;
  }
  const client = new CodeBuildClient({});
  const { ids = [] } = await client.send(new ListBuildsForProjectCommand({ projectName: ImageProject }));
  const { builds = [] } = ids.length > 0 ? await client.send(new BatchGetBuildsCommand({ ids: ids.slice(0, 1) })) : {};
  const [newest] = builds;
  const again = `aws codebuild start-build --project-name ${ImageProject}`;
  if (newest?.buildStatus === 'IN_PROGRESS')
    return poor(`the trainer image ${ImageTag} is being built: runs wait for it`, newest.logs?.deepLink ?? again);
  return bad(
    `the trainer image ${ImageTag} is not there, and its newest build is ${newest?.buildStatus ?? 'none'}`,
    `${newest?.logs?.deepLink ?? ''} ${again}`.trim(),
  );
}

async function checkAlarms(prefix: string): Promise<Finding | Finding[]> {
  const { MetricAlarms = [] } = await new CloudWatchClient({}).send(
    new DescribeAlarmsCommand({ AlarmNamePrefix: `${prefix}-`, MaxRecords: 100 }),
  );
  const loud = MetricAlarms.filter(({ StateValue }) => StateValue === 'ALARM');
  if (loud.length === 0) return good(`${MetricAlarms.length} alarms, none is raised`);
  return loud.map(({ AlarmName, AlarmDescription }) =>
    bad(`alarm ${AlarmName}: ${AlarmDescription ?? ''}`, 'docs/runbook.md has an article for each'),
  );
}

async function checkDeadLetters(stage: string, outputs: Outputs): Promise<Finding | Finding[]> {
  const full = (await deadLetterQueues(outputs)).filter(({ messages }) => messages > 0);
  if (full.length === 0) return good('no dead letters');
  return full.map(({ name, messages }) => bad(`${messages} dead letters of ${name}`, `npm run redrive -- ${stage}`));
}
