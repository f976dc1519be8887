/** `npm run deploy -- <stage>`: checks, the plan, a question, and then the CDK's own deployment of what was planned. */
import { createInterface } from 'node:readline/promises';
import { serviceStackName, stateStackName } from '../../lib/stage.ts';
import { runCdk } from './cdk-cli.ts';
import { outputOf, physicalIdOf, readOutputs, readTemplate } from './deployed-stage.ts';
import { type DeploymentPlan, planDeployment, type ResourceChange, sortLosses } from './deployment-plan.ts';
import { checkBeforeDeployment } from './doctor.ts';
import { liveJobsOf } from './live-jobs.ts';
import { renderLosses, renderPlan } from './print-plan.ts';
import { CommandError, openStage } from './stage-context.ts';
import { synthesizeStage } from './synthesize-stage.ts';

export interface DeployOptions {
  /** no question is asked */
  readonly yes: boolean;
  /** the plan, and nothing else */
  readonly planOnly: boolean;
  /** compute classes that the settings do not have any more, and that may go */
  readonly removeClasses: readonly string[];
}

/** @throws CommandError */
export async function deploy(stageName: string, { yes, planOnly, removeClasses }: DeployOptions): Promise<void> {
  const context = await openStage(stageName);
  const { stage } = context;
  const { folder, templates } = await synthesizeStage(context);
  const stacks = await Promise.all([...templates].map(async ([name, after]) => ({ name, before: await readTemplate(name), after })));
  const plan = planDeployment(stacks);
  console.log(`\n${renderPlan(plan, context)}\n`);
  const { refused, taken } = sortLosses(plan, removeClasses);
  if (refused.length > 0) throw new CommandError(renderLosses(refused));
  await refuseWhileLive(serviceStackName(stage), taken);
  await checkBeforeDeployment(context);
  if (planOnly) return;
  if (!yes && !(await agrees())) throw new CommandError('nothing was changed');
  await runCdk(['deploy', '--app', folder, stateStackName(stage), serviceStackName(stage), '--require-approval', 'never']);
  await sayWhereItIs(stage, plan);
}

/** A class goes with its queue: what trains there would go with it. */
async function refuseWhileLive(stack: string, losses: readonly ResourceChange[]): Promise<void> {
  for (const { type, id } of losses) {
    if (type !== 'AWS::Batch::JobQueue') continue;
    const live = await liveJobsOf(await physicalIdOf(stack, id));
    if (live > 0) throw new CommandError(`${live} ${live === 1 ? 'job is' : 'jobs are'} live in the queue ${id}: stop those runs first`);
  }
}

async function agrees(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CommandError('there is no terminal to ask: say --yes where the plan needs no question');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('deploy this? [y/N] ');
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function sayWhereItIs(stage: string, { changes }: DeploymentPlan): Promise<void> {
  const outputs = await readOutputs(stage);
  const isNew = changes.some(({ kind, type }) => kind === 'create' && type === 'AWS::CloudFront::Distribution');
  const lines = [
    '',
    `${stage} is at ${outputOf(outputs, 'Url')}${isNew ? ' (CloudFront takes some minutes until every edge knows it)' : ''}`,
    `  token    aws secretsmanager get-secret-value --secret-id ${outputOf(outputs, 'TokenSecret')} --query SecretString --output text`,
    `  checks   npm run doctor -- ${stage}`,
    ...(outputs['ImageTag'] === undefined
      ? []
      : ['  image    CodeBuild makes it, if this release brings another; runs wait for it and say so']),
  ];
  console.log(lines.join('\n'));
}
