/** A stage's templates, made in this process: without bundles, and without the checks that `checks.test.ts` makes once. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { parseSettings } from '../../lib/settings/read-settings.ts';
import type { StageSettings } from '../../lib/settings/stage-settings.ts';
import { createStage } from '../../lib/stage.ts';
import { ACCOUNT, REGION } from './synthesize-app.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const cdkJsonSchema = z.object({ context: z.record(z.string(), z.unknown()) });
const resourceSchema = z.looseObject({
  Type: z.string(),
  Properties: z.looseObject({}).default({}),
  DeletionPolicy: z.string().optional(),
});
export type Resource = z.infer<typeof resourceSchema>;

export const IMAGE = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/trainer@sha256:${'a'.repeat(64)}`;

export class SynthesizedStage {
  readonly settings: StageSettings;
  readonly state: Template;
  readonly service: Template;

  constructor(input: Readonly<Record<string, unknown>> = {}, stage = 'dev') {
    process.env['CDK_VALIDATION'] = 'false';
    const code = mkdtempSync(join(tmpdir(), 'tuneplane-code-'));
    mkdirSync(join(code, 'dashboard'));
    writeFileSync(join(code, 'sft.mjs'), '');
    try {
      this.settings = parseSettings(input, 'the settings of this test');
      const { context } = cdkJsonSchema.parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')));
      const app = new App({ context, analyticsReporting: false });
      const stacks = createStage(app, { stage, settings: this.settings, codeFolder: code, account: ACCOUNT, region: REGION });
      this.state = Template.fromStack(stacks.state);
      this.service = Template.fromStack(stacks.service);
    } finally {
      rmSync(code, { recursive: true });
    }
  }

  /** Of both stacks, by logical id. */
  resources(type: string): Record<string, Resource> {
    const found = { ...this.state.findResources(type), ...this.service.findResources(type) };
    return Object.fromEntries(Object.entries(found).map(([id, resource]) => [id, resourceSchema.parse(resource)]));
  }

  /** Of the state stack alone. */
  stateResources(type: string): Record<string, Resource> {
    return z.record(z.string(), resourceSchema).parse(this.state.findResources(type));
  }

  all(): Record<string, Resource> {
    const { Resources: state } = this.state.toJSON();
    const { Resources: service } = this.service.toJSON();
    return z.record(z.string(), resourceSchema).parse({ ...state, ...service });
  }

  /** Properties of every resource of a type. */
  properties(type: string): Resource['Properties'][] {
    return Object.values(this.resources(type)).map(({ Properties }) => Properties);
  }
}

/** What a value of a template holds, however deep, as text: enough to say that something is in it or is not. */
export const textOf = (value: unknown): string => JSON.stringify(value);
