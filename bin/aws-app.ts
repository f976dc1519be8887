/**
 * The CDK app (`cdk.json`): one stage, named by `-c stage=<name>` or TUNEPLANE_STAGE.
 *
 *   npx cdk deploy --all -c stage=dev
 */
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { addPolicyChecks } from '../lib/policy-checks.ts';
import { readSettings, SettingsError } from '../lib/settings/read-settings.ts';
import { createStage } from '../lib/stage.ts';
import { buildLambdas } from './build-lambdas.ts';

const app = new App();
const stage: unknown = app.node.tryGetContext('stage') ?? process.env['TUNEPLANE_STAGE'];
addPolicyChecks(app);
try {
  if (typeof stage !== 'string') throw new SettingsError('name the stage: -c stage=dev, or TUNEPLANE_STAGE');
  const folder = process.env['TUNEPLANE_SETTINGS'] ?? join(import.meta.dirname, '..', 'settings');
  const { settings } = readSettings(stage, folder);
  createStage(app, {
    stage,
    settings,
    codeFolder: (await buildLambdas()).folder,
    account: process.env['CDK_DEFAULT_ACCOUNT'],
    region: process.env['CDK_DEFAULT_REGION'],
  });
  app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
