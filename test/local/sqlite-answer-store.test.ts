import { expect, onTestFinished, test } from 'vitest';
import { EPOCH } from '../support/builders.ts';
import { openLocalStores } from '../support/local-stores.ts';

test('removes old answers wherever they lie among thousands', async () => {
  const { answers, close } = await openLocalStores();
  onTestFinished(close);
  const scopes = Array.from({ length: 2_500 }, (_, index) => `key ${String(index).padStart(4, '0')}`);
  const isOld = (index: number): boolean => index % 3 === 0;
  await Promise.all(
    scopes.map((scope, index) => answers.begin({ scope, bodyHash: 'a'.repeat(64) }, isOld(index) ? EPOCH : EPOCH + 1, EPOCH - 30_000)),
  );

  await answers.expire(EPOCH + 1);

  const found = await Promise.all(scopes.map((scope) => answers.find(scope)));
  expect(found.map((record) => record === null)).toEqual(scopes.map((_, index) => isOld(index)));
});
