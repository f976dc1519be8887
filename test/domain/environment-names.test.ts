import { expect, test } from 'vitest';
import { environmentSchema } from '#domain/environment-names.ts';

test.each([
  'LD_PRELOAD',
  'ld_preload',
  'PYTHONPATH',
  'Path',
  'AWS_SECRET_ACCESS_KEY',
  'NODE_OPTIONS',
  'BASH_ENV',
  'TUNEPLANE_RUN_ID',
  'HOME',
])('%s is refused', (name) => {
  expect(environmentSchema.safeParse({ [name]: 'x' }).success).toBe(false);
});

test.each(['EXPERIMENT_NAME', 'HF_TOKEN', '_x', 'LDAP_HOST', 'PATHS'])('%s may be given', (name) => {
  expect(environmentSchema.safeParse({ [name]: 'x' }).success).toBe(true);
});

test.each(['1A', 'A-B', 'A B', '', 'Ä', 'A\n'])('%j is no name', (name) => {
  expect(environmentSchema.safeParse({ [name]: 'x' }).success).toBe(false);
});
