import { expect, test } from 'vitest';
import { issueMachineToken, planeIdOf, readMachineToken } from '#domain/machine-tokens.ts';

const KEY = Buffer.alloc(32, 1);
const OTHER = Buffer.alloc(32, 2);
const SUBJECT = 'run_01kb8q6m2jf3ztv1n8a5d4c9xe-0001';

test('a token opens for its kind, its subject and its key, and for nothing else', () => {
  const token = issueMachineToken(KEY, 'bootstrap', SUBJECT);

  expect(readMachineToken(KEY, 'bootstrap', token)).toBe(SUBJECT);
  expect(readMachineToken(KEY, 'session', token)).toBeNull();
  expect(readMachineToken(OTHER, 'bootstrap', token)).toBeNull();
  expect(readMachineToken(KEY, 'session', token.replace('bootstrap', 'session'))).toBeNull();
});

test('a token that was changed anywhere, cut or lengthened is none', () => {
  const token = issueMachineToken(KEY, 'bootstrap', SUBJECT);
  const [format = '', kind = '', , mac = ''] = token.split('.');
  const other = Buffer.from(SUBJECT.replace('0001', '0002')).toString('base64url');

  for (const forged of [
    `${format}.${kind}.${other}.${mac}`,
    token.slice(0, -2),
    `${token}.x`,
    `${token}AAAA`,
    'tp1.bootstrap..',
    '',
    '....',
  ])
    expect(readMachineToken(KEY, 'bootstrap', forged), forged).toBeNull();
});

test('the same subject always has the same token, so that nothing needs to be kept', () => {
  expect(issueMachineToken(KEY, 'worker', 'box')).toBe(issueMachineToken(KEY, 'worker', 'box'));
});

test('two planes have two ids, of eight characters that a label may hold', () => {
  expect(planeIdOf(KEY)).toMatch(/^[0-9a-f]{8}$/);
  expect(planeIdOf(KEY)).not.toBe(planeIdOf(OTHER));
});
