/** A stage: its two stacks, by its name and settings. */
import { join } from 'node:path';
import { type App, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, type IStackSynthesizer } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { ServiceStack } from './service-stack.ts';
import type { StageSettings } from './settings/stage-settings.ts';
import { StateStack } from './state-stack.ts';

export const stateStackName = (stage: string): string => `tuneplane-${stage}-state`;
export const serviceStackName = (stage: string): string => `tuneplane-${stage}`;

export interface StageProps {
  readonly stage: string;
  readonly settings: StageSettings;
  /** absolute: the bundles of all functions (`bin/build-lambdas.ts`) */
  readonly codeFolder: string;
  /** where the settings leave it open: of the credentials that deploy */
  readonly account: string | undefined;
  readonly region: string | undefined;
}

export function createStage(app: App, { stage, settings, codeFolder, ...own }: StageProps): { state: StateStack; service: ServiceStack } {
  const account = settings.account ?? own.account;
  const region = settings.region ?? own.region;
  const shared = {
    env: { ...(account !== undefined && { account }), ...(region !== undefined && { region }) },
  };
  const synthesizer = () =>
    (settings.deployWith === 'own-credentials' ? new CliCredentialsStackSynthesizer() : new DefaultStackSynthesizer()) as IStackSynthesizer;
  const state = new StateStack(app, stateStackName(stage), {
    ...shared,
    synthesizer: synthesizer(),
    description: `Tuneplane ${stage}: what outlives every release`,
    keepData: settings.keepData,
    serviceStackName: serviceStackName(stage),
  });
  const service = new ServiceStack(app, serviceStackName(stage), {
    ...shared,
    synthesizer: synthesizer(),
    description: `Tuneplane ${stage}: the plane`,
    settings,
    state,
    code: Code.fromAsset(codeFolder),
    dashboardFolder: join(codeFolder, 'dashboard'),
  });
  return { state, service };
}
