import { expect, test } from 'vitest';
import { FAILURE_CODES, FAILURES, failureSchema, failuresSeenSchema, makeFailure, mayRetry } from '#domain/failures.ts';

test.each(FAILURE_CODES)('%s has a remedy that a person can act on', (code) => {
  expect(FAILURES[code].remedy.length).toBeGreaterThan(20);
  expect(makeFailure(code, 'it broke')).toMatchObject({ code, message: 'it broke', remedy: FAILURES[code].remedy });
});

test('a code of a newer trainer is kept in the sentence', () => {
  expect(makeFailure('moon_phase', 'wrong moon')).toMatchObject({ code: 'trainer_error', message: 'moon_phase: wrong moon' });
});

test.each([
  { code: 'data_row_invalid', seen: 1, fruitless: 1, retried: false },
  { code: 'stalled', seen: 1, fruitless: 1, retried: true },
  { code: 'stalled', seen: 2, fruitless: 1, retried: false },
  { code: 'engine_killed', seen: 1, fruitless: 3, retried: true },
  { code: 'engine_killed', seen: 2, fruitless: 0, retried: false },
  { code: 'supervisor_lost', seen: 9, fruitless: 2, retried: true },
  { code: 'supervisor_lost', seen: 3, fruitless: 3, retried: false },
  { code: 'interrupted', seen: 40, fruitless: 0, retried: true },
] as const)('$code, seen $seen times, $fruitless attempts without a checkpoint: retried $retried', ({ code, seen, fruitless, retried }) => {
  expect(mayRetry(code, seen, fruitless)).toBe(retried);
});

test.each([
  ['dataset_invalid', 'data_row_invalid'],
  ['gpu_out_of_memory', 'cuda_oom'],
] as const)("the first release's %s is read as %s", (old, present) => {
  const stored = { code: old, message: 'as it was stored', remedy: 'as it was stored', evidence: [] };

  expect(failureSchema.parse(stored)).toEqual({ ...stored, code: present });
  expect(failuresSeenSchema.parse({ [old]: 2, stalled: 1 })).toEqual({ [present]: 2, stalled: 1 });
  expect(makeFailure(old, 'from an older trainer')).toMatchObject({ code: present, message: 'from an older trainer' });
  expect(failureSchema.safeParse({ ...stored, code: 'moon_phase' }).success).toBe(false);
});
