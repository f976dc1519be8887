import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SecretBox } from '#local/secret-box.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

async function openBox(): Promise<{ home: string; box: SecretBox }> {
  const home = await makeTemporaryFolder();
  onTestFinished(home.remove);
  return { home: home.path, box: SecretBox.open(home.path) };
}

test('opens what it sealed, also after a restart, and never twice the same text', async () => {
  const { home, box } = await openBox();
  const values = { EXPERIMENT_NAME: 'poésie 🦜', EMPTY: '' };

  const [first, second] = [await box.seal('run_1', values), await box.seal('run_1', values)];

  expect(first).not.toBe(second);
  expect(first).not.toContain('EXPERIMENT');
  expect(await SecretBox.open(home).open('run_1', first)).toEqual(values);
});

test('opens nothing for another run, nothing that was changed, and nothing of another key', async () => {
  const { home, box } = await openBox();
  const other = await openBox();
  const sealed = await box.seal('run_1', { A: 'b' });
  const changed = `${sealed.slice(0, -2)}${sealed.endsWith('AA') ? 'BB' : 'AA'}`;

  await expect(box.open('run_2', sealed)).rejects.toThrow();
  await expect(box.open('run_1', changed)).rejects.toThrow();
  await expect(other.box.open('run_1', sealed)).rejects.toThrow();
  expect(home).not.toBe(other.home);
});

test('the key is for its owner alone, and a torn one is refused by name', async () => {
  const { home } = await openBox();
  const path = join(home, 'secret.key');

  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path)).toHaveLength(32);
  writeFileSync(path, 'torn');
  expect(() => SecretBox.open(home)).toThrow(/secret\.key must hold 32 bytes, it holds 4/);
});
