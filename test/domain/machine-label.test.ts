import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeId } from '#domain/ids.ts';
import { labelPrefix, makeLabel, readLabel } from '#domain/machine-label.ts';
import { attemptName } from '#domain/run-folder.ts';
import { EPOCH } from '../support/builders.ts';

const PLANE = '1f0c9a7e';

test('a label says which attempt asked for the machine and when, and fits where every provider takes it', () => {
  void fc.assert(
    fc.property(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: EPOCH, max: EPOCH + 40 * 365 * 86_400_000 }), (attempt, now) => {
      const tag = attemptName(makeId('run', now), attempt);
      const label = makeLabel(PLANE, tag, now, 'z9');

      expect(label).toMatch(/^[a-z0-9-]{1,60}$/);
      expect(label.startsWith(labelPrefix(PLANE, tag))).toBe(true);
      expect(readLabel(PLANE, label)).toEqual({ label, tag, askedAt: Math.floor(now / 1_000) * 1_000 });
    }),
  );
});

test('labels of one attempt sort by the time of their requests', () => {
  const tag = attemptName(makeId('run', EPOCH), 1);
  const labels = [0, 1_000, 60_000, 86_400_000].map((later) => makeLabel(PLANE, tag, EPOCH + later, 'aa'));

  expect(labels.toSorted()).toEqual(labels);
});

test("another plane's label, and what is none, belong to nobody here", () => {
  const label = makeLabel('00000000', attemptName(makeId('run', EPOCH), 1), EPOCH, 'aa');

  for (const foreign of [label, 'my-pod', '', `${label}x`, label.toUpperCase(), 'tp-1f0c9a7e-short-0001-0000000aa'])
    expect(readLabel(PLANE, foreign), foreign).toBeNull();
});
