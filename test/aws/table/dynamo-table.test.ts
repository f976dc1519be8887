import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { expect, test } from 'vitest';
import { DynamoTable } from '#aws/table/dynamo-table.ts';
import { wrapRequests } from '../../support/call-counter.ts';
import { makeDynamoClient, openTable } from '../../support/table-world.ts';

const KEY = { pk: 'a', sk: 'a' };
const write = (condition: string, refused: string) => ({
  item: { Put: { Item: KEY, ConditionExpression: condition } },
  refused: () => new Error(refused),
});

/** A table whose transactions meet another writer as often as told. */
async function openContested(conflicts: number) {
  const { name } = await openTable();
  const client = makeDynamoClient();
  let left = conflicts;
  let sent = 0;
  wrapRequests(client, 'initialize', async ({ operation }, send) => {
    if (operation === 'TransactWriteItems') {
      sent += 1;
      if (left-- > 0) {
        const CancellationReasons = [{ Code: 'None' }, { Code: 'TransactionConflict' }];
        throw new TransactionCanceledException({ message: 'cancelled', $metadata: {}, CancellationReasons });
      }
    }
    return send();
  });
  const waits: number[] = [];
  const table = new DynamoTable({
    client: DynamoDBDocumentClient.from(client),
    table: name,
    wait: async (millis) => void waits.push(millis),
  });
  return { table, waits, sent: () => sent };
}

test('tries a transaction again that met another writer, after waits that grow', async () => {
  const { table, waits, sent } = await openContested(5);

  await table.transact([write('attribute_not_exists(pk)', 'taken')]);

  expect(await table.get(KEY)).toEqual(KEY);
  expect([sent(), waits.length]).toEqual([6, 5]);
  for (const [index, millis] of waits.entries()) expect(millis).toBeLessThanOrEqual(25 * 2 ** (index + 1));
});

test('gives up after nine tries, and says that the plane is busy', async () => {
  const { table, sent } = await openContested(Number.POSITIVE_INFINITY);

  await expect(table.transact([write('attribute_not_exists(pk)', 'taken')])).rejects.toMatchObject({
    name: 'DomainError',
    code: 'plane_busy',
  });
  expect(sent()).toBe(9);
});

test('names the first condition that does not hold', async () => {
  const { table } = await openTable();
  await table.transact([write('attribute_not_exists(pk)', 'none')]);

  const refused = table.transact([
    { item: { Put: { Item: { pk: 'b', sk: 'b' } } } },
    {
      ...write('attribute_not_exists(pk)', 'first'),
      item: { Put: { Item: { pk: 'c', sk: 'c' }, ConditionExpression: 'attribute_exists(pk)' } },
    },
    write('attribute_not_exists(pk)', 'second'),
  ]);

  await expect(refused).rejects.toThrow('first');
  expect(await table.get({ pk: 'b', sk: 'b' })).toBeNull();
});

test('refuses more than the hundred items of a transaction before it is sent', async () => {
  const { table } = await openTable();

  const writes = Array.from({ length: 101 }, (_, index) => ({ item: { Put: { Item: { pk: String(index), sk: 'x' } } } }));

  await expect(table.transact(writes)).rejects.toThrow('at most 100 items, got 101');
});

test('reads and removes hundreds of items by their keys', async () => {
  const { table } = await openTable();
  const keys = Array.from({ length: 230 }, (_, index) => ({ pk: 'many', sk: String(index).padStart(3, '0') }));
  await table.putAll(keys);

  expect((await table.getAll([...keys, { pk: 'many', sk: 'none' }])).length).toBe(230);
  await table.removeAll(keys.slice(0, 130));
  expect((await table.getAll(keys)).length).toBe(100);
});
