/** `npm run doctor -- <stage>`: what account, region and stage need, what they have, and what to do about the difference. */
import pc from 'picocolors';
import { serviceStackName } from '../../lib/stage.ts';
import { accountChecks } from './checks/account-checks.ts';
import { type Check, type Finding, runChecks } from './checks/finding.ts';
import { stageChecks } from './checks/stage-checks.ts';
import { findStack, readOutputs } from './deployed-stage.ts';
import { CommandError, openStage, type StageContext } from './stage-context.ts';

const SIGNS: Readonly<Record<Finding['verdict'], string>> = { good: pc.green('ok  '), poor: pc.yellow('poor'), bad: pc.red('bad ') };

/** @throws CommandError where something is bad */
export async function doctor(stageName: string): Promise<void> {
  const context = await openStage(stageName);
  const { stage, account, region, caller } = context;
  console.log(`${stage} in account ${account}, region ${region}, as ${caller}\n`);
  const isDeployed = (await findStack(serviceStackName(stage))) !== null;
  const found = await lookAndPrint([...accountChecks(context), ...(isDeployed ? stageChecks(stage, await readOutputs(stage)) : [])]);
  if (!isDeployed) console.log(`\nnot deployed yet: npm run deploy -- ${stage}`);
  const bad = found.filter(({ verdict }) => verdict === 'bad').length;
  if (bad > 0) throw new CommandError(`${bad} ${bad === 1 ? 'thing is' : 'things are'} bad: see what to do beside each`);
}

/** What would make a deployment fail, or its runs wait. @throws CommandError where it would fail */
export async function checkBeforeDeployment(context: StageContext): Promise<void> {
  const found = await lookAndPrint(accountChecks(context), ({ verdict }) => verdict !== 'good');
  if (found.some(({ verdict }) => verdict === 'bad')) throw new CommandError('it would not work here as it is: see above');
}

async function lookAndPrint(checks: readonly Check[], isShown: (finding: Finding) => boolean = () => true): Promise<Finding[]> {
  const found = await runChecks(checks);
  for (const { name, findings } of found) {
    for (const finding of findings.filter(isShown)) {
      console.log(`${SIGNS[finding.verdict]} ${name.padEnd(12)} ${finding.sentence}`);
      if (finding.verdict !== 'good') console.log(`     ${''.padEnd(12)} -> ${finding.remedy}`);
    }
  }
  return found.flatMap(({ findings }) => findings);
}
