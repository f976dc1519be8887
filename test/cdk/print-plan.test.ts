/** The plan as people read it. */
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { planDeployment } from '../../bin/aws/deployment-plan.ts';
import { renderLosses, renderPlan } from '../../bin/aws/print-plan.ts';
import type { Template } from '../../lib/fixed-prices.ts';
import { ACCOUNT, REGION } from './synthesize-app.ts';
import { SynthesizedStage } from './synthesized-stage.ts';

let stage: SynthesizedStage;
beforeAll(() => {
  stage = new SynthesizedStage();
});

const templatesOf = ({ state, service }: SynthesizedStage) => ({
  state: state.toJSON() as Template,
  service: service.toJSON() as Template,
});

function planOf(before: SynthesizedStage | null, after: SynthesizedStage) {
  const [old, fresh] = [before && templatesOf(before), templatesOf(after)];
  return planDeployment([
    { name: 'tuneplane-dev-state', before: old?.state ?? null, after: fresh.state },
    { name: 'tuneplane-dev', before: old?.service ?? null, after: fresh.service },
  ]);
}

function print(before: SynthesizedStage | null, after: SynthesizedStage, region = REGION): string {
  const context = {
    stage: 'dev',
    settings: after.settings,
    settingsFile: null,
    account: ACCOUNT,
    region,
    caller: 'arn:aws:iam::1:user/ada',
  };
  return stripVTControlCharacters(renderPlan(planOf(before, after), context));
}

test('a first deployment says where, with which settings, what is made by its kinds, and what that costs while nothing trains', () => {
  const plan = print(null, stage);

  expect(plan).toContain(`Tuneplane 'dev' in account ${ACCOUNT}, region us-east-1, as arn:aws:iam::1:user/ada`);
  expect(plan).toContain('settings: the defaults (no file in settings/)');
  expect(plan).toMatch(/\d+ to make, 0 to change, 0 to replace, 0 to take away/);
  expect(plan).toMatch(/\+ +1 x AWS::DynamoDB::Table/);
  expect(plan).toMatch(/fixed: \$4\.90 a month \(list prices, us-east-1, \d{4}-\d{2}(-\d{2})?; free tiers not counted\)/);
  expect(plan).toContain('$3.00  1 x AWS::CloudWatch::Dashboard');
});

test('each class says its machine, and what an hour of it costs', () => {
  const plan = print(null, stage);

  expect(plan).toMatch(/a10g +1 x A10G +\$1\.21 an hour +up to 16 vCPUs of g5\.xlarge, g5\.2xlarge/);
  expect(plan).toMatch(/a10g-spot +1 x A10G +\$1\.21 an hour at most/);
  expect(plan).toMatch(/cpu +no GPU +\$0\.20 an hour/);
  expect(print(null, stage, 'eu-west-1')).toContain('; eu-west-1 has prices of its own');
});

test('a gateway shows in the sum', () => {
  const nat = new SynthesizedStage({ network: 'nat' });

  expect(print(null, nat)).toMatch(/fixed: \$41\.40 a month/);
});

test('a change names the resource and what of it differs; without one nothing changes', () => {
  const week = new SynthesizedStage({ logDays: 7 });

  expect(print(stage, week)).toMatch(/~ AWS::Logs::LogGroup HttpAccessLogs\w+ \(RetentionInDays\)/);
  expect(print(stage, stage)).toContain('nothing changes');
});

test('a loss is refused by name, with what would help', () => {
  const fewer = new SynthesizedStage({ compute: [{ name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 8 }] });

  const text = stripVTControlCharacters(renderLosses(planOf(stage, fewer).losses));

  expect(text).toMatch(/^refused: this deployment would lose what these hold\n {2}- AWS::Batch::/);
  expect(text).toContain('[holds state]');
  expect(text).toContain('--remove-class <name>');
});
