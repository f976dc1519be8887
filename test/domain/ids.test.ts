import { expect, test } from 'vitest';
import { CLIENT_NAME, makeId } from '#domain/ids.ts';

const NOW = Date.UTC(2026, 10, 22);

test('is a prefix and 26 characters of Crockford base32, and holds the time', () => {
  const id = makeId('run', NOW);

  expect(id).toMatch(/^run_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  expect(decodeTime(id)).toBeGreaterThanOrEqual(NOW);
});

test('is a UUID of version 7 and the RFC variant', () => {
  const bits = decodeBits(makeId('config', NOW));

  expect(Number((bits >> 76n) & 0xfn)).toBe(7);
  expect(Number((bits >> 62n) & 0b11n)).toBe(0b10);
});

test('sorts by age and never repeats, also in one millisecond and when the clock goes back', () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => makeId('run', NOW + (index % 3) - 1));

  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each(['run_01', 'a', 'A.b-c_d', 'x'.repeat(128)])("'%s' is a name that a client may choose", (name) => {
  expect(CLIENT_NAME.test(name)).toBe(true);
});

test.each(['', '.', '..', 'a..b', '-a', 'a/b', 'a b', 'ä', 'x'.repeat(129), 'a\n'])("'%s' is not", (name) => {
  expect(CLIENT_NAME.test(name)).toBe(false);
});

function decodeBits(id: string): bigint {
  const digits = id.slice(id.indexOf('_') + 1);
  return [...digits].reduce((value, digit) => value * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)), 0n);
}

const decodeTime = (id: string): number => Number(decodeBits(id) >> 80n);
