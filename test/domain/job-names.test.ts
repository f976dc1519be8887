import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultJobName, toArgv } from '#domain/job-names.ts';

test.each([
  ['meta', 'meta_demo_001', 'meta-meta-demo-001'],
  ['hf', 'A..B__c', 'hf-a-b-c'],
  ['nemo', 'x-', 'nemo-x'],
])('%s and %s give %s', (framework, runId, name) => {
  expect(defaultJobName(framework, runId)).toBe(name);
});

test('every default name is a DNS label, and long run ids that differ at their end give other names', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), (runId) => {
      expect(defaultJobName('hf', runId)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }),
  );
  expect(defaultJobName('hf', `${'x'.repeat(100)}1`)).not.toBe(defaultJobName('hf', `${'x'.repeat(100)}2`));
});

test('arguments are separate entries, and no value is ever read as a shell would', () => {
  expect(toArgv({ max_steps: 6000, lr: 2e-5, packing: true, verbose: false, seed: null, note: 'a b; rm -rf /' })).toEqual([
    '--max_steps',
    '6000',
    '--lr',
    '0.00002',
    '--packing',
    '--note',
    'a b; rm -rf /',
  ]);
});
