/**
 * `npm run destroy -- <stage>`: takes a stage away. The plane goes; table, bucket and secrets stay, unless `--with-data` says that they are
 * to go too. Machines that still train go with their queues: a stage with live runs is refused.
 */
import { createInterface } from 'node:readline/promises';
import {
  CloudFormationClient,
  DeleteStackCommand,
  UpdateTerminationProtectionCommand,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { serviceStackName, stateStackName } from '../../lib/stage.ts';
import { findStack, resourcesOf } from './deployed-stage.ts';
import { liveJobsOf } from './live-jobs.ts';
import { removeState } from './remove-state.ts';
import { CommandError, openStage } from './stage-context.ts';

/** CloudFront takes its time. */
const LIMIT_SECONDS = 3_600;
const LOOK_SECONDS = 3;

export interface DestroyOptions {
  readonly yes: boolean;
  readonly withData: boolean;
}

/** @throws CommandError */
export async function destroy(stageName: string, { yes, withData }: DestroyOptions): Promise<void> {
  const { stage, account, region } = await openStage(stageName);
  const [service, state] = [serviceStackName(stage), stateStackName(stage)];
  const live = await liveJobs(service);
  if (live > 0) throw new CommandError(`${live} ${live === 1 ? 'job is' : 'jobs are'} live in ${stage}: stop the runs first`);
  console.log(
    `${stage} in account ${account}, region ${region}: the plane goes${withData ? ', and with it every run, checkpoint, data set and key' : '; table, bucket and secrets stay'}`,
  );
  if (!yes && !(await agrees(stage))) throw new CommandError('nothing was changed');
  await removeStack(service);
  if (!withData) {
    console.log(`what stays is in stack ${state}: a deployment of ${stage} finds it again, and --with-data removes it`);
    return;
  }
  if ((await findStack(state)) === null) return;
  await removeState(state);
  await new CloudFormationClient({}).send(new UpdateTerminationProtectionCommand({ StackName: state, EnableTerminationProtection: false }));
  await removeStack(state);
  console.log(`${stage} is gone. The CDK's own bucket of assets stays: it belongs to the account (stack CDKToolkit)`);
}

async function removeStack(StackName: string): Promise<void> {
  if ((await findStack(StackName)) === null) return;
  const client = new CloudFormationClient({});
  console.log(`removing stack ${StackName} ...`);
  await client.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete({ client, maxWaitTime: LIMIT_SECONDS, minDelay: LOOK_SECONDS, maxDelay: LOOK_SECONDS }, { StackName });
}

async function agrees(stage: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CommandError('there is no terminal to ask: say --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`write the name of the stage to remove it [${stage}]: `);
  terminal.close();
  return answer.trim() === stage;
}

async function liveJobs(stack: string): Promise<number> {
  if ((await findStack(stack)) === null) return 0;
  let live = 0;
  for (const queue of await resourcesOf(stack, 'AWS::Batch::JobQueue')) live += await liveJobsOf(queue);
  return live;
}
