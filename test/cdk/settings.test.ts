import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseSettings, readSettings, SettingsError } from '../../lib/settings/read-settings.ts';
import { stageSettingsSchema } from '../../lib/settings/stage-settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tuneplane-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const problemsOf = (input: unknown): string => {
  try {
    parseSettings(input, 'settings/dev.yaml');
    return 'none';
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
};

test('a stage needs no file: every field has a default', () => {
  const { settings, file } = readSettings('dev', folder);

  expect(file).toBeNull();
  expect(settings).toMatchObject({
    network: 'public',
    image: 'build',
    defaultModel: 'tiny-llama',
    keepData: true,
    images: {},
    subscribers: [],
  });
  expect(settings.compute.map(({ name }) => name)).toEqual(['cpu', 'a10g', 'a10g-spot', 'a10g-4']);
});

test('settings are YAML or JSON, one file a stage', () => {
  writeFileSync(join(folder, 'yaml.yaml'), 'network: nat\nlogDays: 7\n');
  writeFileSync(join(folder, 'json.json'), '{"stallSeconds": 60}');
  writeFileSync(join(folder, 'both.yaml'), '{}');
  writeFileSync(join(folder, 'both.json'), '{}');

  expect(readSettings('yaml', folder).settings).toMatchObject({ network: 'nat', logDays: 7 });
  expect(readSettings('json', folder).settings.stallSeconds).toBe(60);
  expect(() => readSettings('both', folder)).toThrow(/one settings file, found .*both.yaml and .*both.json/);
});

test('every problem is told at once, with its path, the value given and what is allowed', () => {
  expect(
    problemsOf({ netwrk: 'nat', logDays: 2, image: 'repository:latest', subscribers: [123], compute: [{ name: 'A', instanceTypes: [] }] }),
  ).toBe(
    [
      'settings/dev.yaml is not what settings must be:',
      "  compute.0.name: must be text that matches ^[a-z][a-z0-9-]{0,23}$, got 'A'",
      '  compute.0.instanceTypes: must not be empty',
      '  compute.0.maxVcpus: is required',
      '  image: must name an image by digest: repository@sha256:<64 hexadecimal digits>',
      '  subscribers.0: must be the 12 digits of an account, in quotes: without them YAML reads a number',
      '  logDays: must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731',
      "  unknown key 'netwrk', did you mean 'network'",
    ].join('\n'),
  );
});

test.each([
  [{ instanceTypes: ['g9.xlarge'] }, /instanceTypes: 'g9.xlarge' not known here: describe it in 'machine'/],
  [{ instanceTypes: ['g5.xlarge', 'g5.12xlarge'] }, /instanceTypes: must have the same GPUs, got 1 x A10G and 4 x A10G/],
  [{ instanceTypes: ['g5.48xlarge'], maxVcpus: 100 }, /maxVcpus: must be at least 192, the vCPUs of one run, got 100/],
  [{ nodes: 2, maxVcpus: 8 }, /nodes: above 1 needs 'network: nat'.*got 2/],
  [{ name: 'cpu' }, /compute.1.name: must be another one: 'cpu' is taken/],
])('a compute class that cannot be is refused: %j', (fields, problem) => {
  const cpu = { name: 'cpu', instanceTypes: ['m7i.xlarge'], maxVcpus: 8 };
  const one = { name: 'a10g', instanceTypes: ['g5.xlarge'], maxVcpus: 192, ...fields };

  expect(problemsOf({ compute: [cpu, one] })).toMatch(problem);
});

test('several nodes are on demand, behind a gateway', () => {
  const nodes = { name: 'nodes', instanceTypes: ['p4d.24xlarge'], nodes: 4, maxVcpus: 384 };

  expect(problemsOf({ network: 'nat', compute: [nodes] })).toBe('none');
  expect(problemsOf({ network: 'nat', compute: [{ ...nodes, spot: true }] })).toMatch(/spot: must be false where nodes is above 1/);
});

test('a machine that this version does not know can be described', () => {
  const machine = { vcpus: 96, memoryMib: 1_000_000, gpuType: 'X1', gpus: 8, gpuMemoryGb: 2_304 };

  expect(problemsOf({ compute: [{ name: 'new', instanceTypes: ['p9.48xlarge'], maxVcpus: 96, machine }] })).toBe('none');
});

test('machines are rented with a key that lies in Secrets Manager, and an image by digest', () => {
  const key = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:runpod-AbCdEf';
  const image = `ghcr.io/acme/trainer@sha256:${'b'.repeat(64)}`;

  expect(problemsOf({ rentals: { keys: { runpod: key }, image } })).toBe('none');
  expect(problemsOf({ rentals: { keys: {}, image } })).toMatch(/rentals.keys: must name one of runpod, lambda, vastai/);
  expect(problemsOf({ rentals: { keys: { runpod: 'rp_secret' }, image: 'trainer:latest' } })).toMatch(
    /rentals.keys.runpod: must be the ARN of a secret[\s\S]*rentals.image: must name an image by digest/,
  );
});

test('the name of a stage is part of the names of its stacks', () => {
  expect(() => readSettings('Dev 1', folder)).toThrow(/must be lower-case letters, digits and '-', at most 20, got 'Dev 1'/);
});

test('the example file has every field, and what it shows as defaults are the defaults', () => {
  const example = readFileSync(join(import.meta.dirname, '..', '..', 'settings', 'example.yaml'), 'utf8');
  const uncommented = example.replace(/^#.*\n/, '').replace(/^#(?!#)/gm, '');
  const given: Record<string, unknown> = parse(uncommented);
  // What has no default is shown empty.
  const shown = Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== null && !['oidc', 'rentals'].includes(name)));

  expect(Object.keys(given).sort()).toEqual(Object.keys(stageSettingsSchema.shape).sort());
  expect(parseSettings(shown, 'settings/example.yaml')).toEqual(parseSettings({}, 'nothing'));
});
