/** The templates of a stage, made here and with every check, into a folder from which the CDK's command line deploys. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import * as z from 'zod';
import type { Template } from '../../lib/fixed-prices.ts';
import { addPolicyChecks } from '../../lib/policy-checks.ts';
import { createStage, serviceStackName, stateStackName } from '../../lib/stage.ts';
import { buildLambdas } from '../build-lambdas.ts';
import { CommandError, type StageContext } from './stage-context.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const cdkJsonSchema = z.object({ context: z.record(z.string(), z.unknown()) });
const templateSchema = z.looseObject({
  Resources: z.record(z.string(), z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() })),
});

export interface SynthesizedStage {
  /** absolute: for `cdk --app` */
  readonly folder: string;
  /** by name of the stack, in the order of deployment */
  readonly templates: ReadonlyMap<string, Template>;
}

/** @throws CommandError where a check finds something; the library has printed what */
export async function synthesizeStage({ stage, settings, account, region }: StageContext): Promise<SynthesizedStage> {
  const folder = join(ROOT, 'cdk.out', stage);
  await rm(folder, { recursive: true, force: true });
  const { context } = cdkJsonSchema.parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')));
  const app = new App({ outdir: folder, postCliContext: context, analyticsReporting: false });
  const { folder: codeFolder } = await buildLambdas();
  createStage(app, { stage, settings, codeFolder, account, region });
  addPolicyChecks(app);
  const assembly = synthesize(app);
  const read = (name: string): [string, Template] => [name, templateSchema.parse(assembly.getStackByName(name).template)];
  return { folder, templates: new Map([read(stateStackName(stage)), read(serviceStackName(stage))]) };
}

function synthesize(app: App): ReturnType<App['synth']> {
  try {
    return app.synth();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('Validation failed')) throw new CommandError(error.message);
    throw error;
  }
}
