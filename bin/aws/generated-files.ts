/** What is derived from the settings and the stacks: the schema and the example of a settings file, and the NIST report. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { stringify } from 'yaml';
import * as z from 'zod';
import { NIST_ANSWERS } from '../../lib/nist-answers.ts';
import { nistFindings } from '../../lib/policy-checks.ts';
import { parseSettings } from '../../lib/settings/read-settings.ts';
import { stageSettingsSchema } from '../../lib/settings/stage-settings.ts';
import { createStage } from '../../lib/stage.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export const settingsSchemaFile = (): string => `${JSON.stringify(z.toJSONSchema(stageSettingsSchema, { io: 'input' }), null, 2)}\n`;

const propertySchema = z.looseObject({
  description: z.string().default(''),
  default: z.unknown().optional(),
  get properties() {
    return z.record(z.string(), propertySchema).optional();
  },
});
type Property = z.infer<typeof propertySchema>;
const schemaSchema = z.looseObject({
  properties: z.record(z.string(), propertySchema),
  $defs: z.object({ ComputeClass: z.looseObject({ properties: z.record(z.string(), propertySchema) }) }),
});

/** Every field with its default as a comment, what it is as `##`: a copy changes nothing until one `#` of a line is taken away. */
export function settingsExampleFile(): string {
  const { properties, $defs } = schemaSchema.parse(z.toJSONSchema(stageSettingsSchema, { io: 'input' }));
  const fields = Object.entries(properties).map(([name, property]) => {
    const classes =
      name === 'compute' ? Object.entries($defs.ComputeClass.properties).flatMap(([field, one]) => describeField(field, one)) : [];
    return [...comment(property.description), ...classes, ...lead(renderField(name, property))].join('\n');
  });
  return [
    '# yaml-language-server: $schema=stage.schema.json',
    '## A stage of the AWS home: copy this file to settings/<stage>.yaml, and uncomment what is to be otherwise. Nothing has to be.',
    '## Every field is here, with its default. Prices, limits and what a deployment does with each: docs/deploy.md.',
    '',
    fields.join('\n\n'),
    '',
  ].join('\n');
}

const comment = (text: string): string[] => wrap(text, 116).map((line) => `## ${line}`);
const lead = (lines: readonly string[]): string[] => lines.map((line) => `#${line}`);

/** Of a class: what each of its fields is. */
function describeField(name: string, { description, default: preset }: Property): string[] {
  const [first = '', ...rest] = wrap(`${description}${preset === undefined ? '' : `; default: ${JSON.stringify(preset)}`}`, 98);
  return [`##   ${name.padEnd(14)} ${first}`, ...rest.map((line) => `##   ${''.padEnd(14)} ${line}`)];
}

function renderField(name: string, { properties, default: preset }: Property): string[] {
  if (properties) {
    const inner = Object.entries(properties).flatMap(([field, one]) => [
      ...wrap(one.description, 110).map((line) => `## ${line}`),
      ...renderField(field, one),
    ]);
    return [`${name}:`, ...inner.map((line) => `  ${line}`)];
  }
  if (preset === undefined) return [`${name}:`];
  return stringify({ [name]: plain(preset) }, { lineWidth: 0 })
    .trimEnd()
    .split('\n');
}

/** Of a class only what an operator would write. */
function plain(value: unknown): unknown {
  const classes = z.array(z.looseObject({ name: z.string(), instanceTypes: z.array(z.string()) })).safeParse(value);
  if (!classes.success || classes.data.length === 0) return value;
  return classes.data.map(({ spot, nodes, diskGb, ...one }) => ({ ...one, ...(spot === true && { spot }) }));
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** @throws Error for a rule that has no answer in `lib/nist-answers.ts` */
export function nistReportFile(): string {
  const rows = findings().map(({ rule, description, places }) => {
    const name = rule.replace(/^NIST\.800\.53\.R5-/, '');
    const answer = NIST_ANSWERS[name];
    if (answer === undefined) throw new Error(`${name} is broken by ${places.join(', ')}, and lib/nist-answers.ts has no answer to it`);
    const [says = '', controls = ''] = description.split(' - (Control IDs: ');
    return `| ${name} | ${places.length} | ${says} | ${answer} | ${controls.replace(/\)\.?$/, '')} |`;
  });
  return [
    '# NIST 800-53, revision 5',
    '',
    'What the rules of cdk-nag for NIST 800-53 find in the templates of a stage with default settings, and what this project says to each. A',
    'report, not a condition: AWS Solutions and Serverless are conditions, and are clean. Made by `npm run generate`.',
    '',
    '| rule | resources | it says | we say | controls |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function findings() {
  process.env['CDK_VALIDATION'] = 'false'; // its findings are another test's
  const scratch = mkdtempSync(join(tmpdir(), 'tuneplane-report-'));
  const codeFolder = join(scratch, 'code');
  mkdirSync(join(codeFolder, 'dashboard'), { recursive: true });
  writeFileSync(join(codeFolder, 'none.mjs'), '');
  try {
    const { context } = z
      .object({ context: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')));
    const app = new App({ context, analyticsReporting: false, outdir: join(scratch, 'out') });
    createStage(app, {
      stage: 'dev',
      settings: parseSettings({}, 'the defaults'),
      codeFolder,
      account: '123456789012',
      region: 'us-east-1',
    });
    app.synth();
    return nistFindings(app);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
