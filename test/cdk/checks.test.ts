/**
 * The templates as they are deployed, bundles and all, before those who know templates: the CDK's own rules for CloudFormation, AWS Solutions
 * and Serverless of cdk-nag, at every synthesis; and cfn-lint, which knows nothing of where they come from.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allow, allowMany, WildcardReasons } from '../../lib/wildcards.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { ACCOUNT, REGION, synthesizeApp } from './synthesize-app.ts';
import { IMAGE } from './synthesized-stage.ts';

const run = promisify(execFile);
const LINT = join(import.meta.dirname, '.venv', 'bin', 'cfn-lint');
const LIMIT_MILLIS = 180_000;

/** Everything that a stage can have. */
const FULL = {
  network: 'nat',
  image: IMAGE,
  images: { 'team/trainer:v3': IMAGE },
  compute: [
    { name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 8 },
    { name: 'spot', instanceTypes: ['g5.xlarge'], spot: true, maxVcpus: 8 },
    { name: 'nodes', instanceTypes: ['p4d.24xlarge'], nodes: 2, maxVcpus: 192 },
  ],
  storage: { data: ['s3://team-data/sets/'], bases: ['s3://team-runs/'] },
  secrets: { 'hf-team': `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:hf-AbCdEf` },
  oidc: { issuer: 'https://login.example.com/', audience: 'tuneplane' },
  rentals: {
    keys: { runpod: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:runpod-AbCdEf` },
    image: `ghcr.io/acme/trainer@sha256:${'b'.repeat(64)}`,
  },
  subscribers: ['210987654321'],
  alertEmail: 'team@example.com',
  keepData: false,
};

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
  mkdirSync(join(folder.path, 'settings'));
  writeFileSync(join(folder.path, 'settings', 'full.json'), JSON.stringify(FULL));
});
afterAll(() => folder.remove());

/** @returns what it found. W3005: the library names dependencies that a reference says already. */
async function lint(templates: readonly string[]): Promise<string> {
  try {
    return (await run(LINT, ['--ignore-checks', 'W3005', '--', ...templates])).stdout;
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && error.stdout !== '') return String(error.stdout);
    throw error;
  }
}

test('cfn-lint finds a planted fault', async () => {
  const template = join(folder.path, 'planted.template.json');
  writeFileSync(template, JSON.stringify({ Resources: { Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketNme: 'x' } } } }));

  expect(await lint([template])).toContain('E3002');
});

test.each(['dev', 'full'])(
  'the templates of a stage meet every rule, and cfn-lint finds nothing (%s)',
  { timeout: LIMIT_MILLIS },
  async (stage) => {
    const out = await synthesizeApp(stage, folder.path);
    const templates = [`tuneplane-${stage}-state`, `tuneplane-${stage}`].map((name) => join(out, `${name}.template.json`));

    expect(await lint(templates)).toBe('');
  },
);

test('a planted fault of CloudFormation ends the synthesis', () => {
  const { app, stack } = anApp({ rulesOfCloudFormation: true });
  new CfnBucket(stack, 'Bucket', { versioningConfiguration: { status: 'Perhaps' } });

  expect(() => app.synth()).toThrow(/'Perhaps' is not one of/);
});

test('a planted open bucket ends the synthesis', () => {
  const { app, stack } = anApp();
  new Bucket(stack, 'Bucket');

  expect(() => app.synth()).toThrow(/AwsSolutions-S10/);
});

test('a wildcard without a reason ends the synthesis; with one it does not', () => {
  const [bare, explained] = [anApp(), anApp()];
  const role = ({ stack }: ReturnType<typeof anApp>) =>
    new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });

  allow(role(bare), ['s3:GetObject'], 'arn:aws:s3:::bucket/*');
  allowMany(role(explained), 'keys are made when runs are', ['s3:GetObject'], 'arn:aws:s3:::bucket/*');

  expect(() => bare.app.synth()).toThrow(/AwsSolutions-IAM5/);
  expect(() => explained.app.synth()).not.toThrow();
});

function anApp({ rulesOfCloudFormation = false } = {}): { app: App; stack: Stack } {
  process.env['CDK_VALIDATION'] = String(rulesOfCloudFormation);
  const app = new App({ context: { '@aws-cdk/core:validateAgainstDefaultRules': true }, analyticsReporting: false });
  Validations.of(app).addPlugins(new WildcardReasons(), new AwsSolutionsChecks(app));
  return { app, stack: new Stack(app, 'Stack', { env: { account: ACCOUNT, region: REGION } }) };
}
