/** Small documents: one item each, a collection is a partition. Those with `expiresAt` are taken away by DynamoDB, at most two days late. */
import * as z from 'zod';
import type { Remembered } from '#ports/answer-store.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { rememberedAnswer } from './dynamo-answer-store.ts';
import type { DynamoTable, Item } from './dynamo-table.ts';
import { packJson, unpackJson } from './packed-json.ts';
import { documentKey, documentPartition } from './table-keys.ts';

type Value = Readonly<Record<string, unknown>>;

const valueSchema = z.record(z.string(), z.unknown());

export class DynamoDocumentStore implements DocumentStore {
  readonly #table: DynamoTable;
  readonly #clock: Clock;

  constructor(table: DynamoTable, { clock }: { readonly clock: Clock }) {
    this.#table = table;
    this.#clock = clock;
  }

  async put(collection: string, id: string, value: Value, remembered?: Remembered): Promise<void> {
    await this.#table.transact([
      { item: { Put: { Item: toItem(collection, id, value) } } },
      ...(remembered ? [{ item: rememberedAnswer(remembered, this.#clock.now()), refused: () => new VersionConflict(id) }] : []),
    ]);
  }

  async change(collection: string, id: string, value: Value & { readonly version: number }, expectedVersion: number): Promise<void> {
    const Put = {
      Item: toItem(collection, id, value),
      ConditionExpression: 'version = :expected',
      ExpressionAttributeValues: { ':expected': expectedVersion },
    };
    await this.#table.transact([{ item: { Put }, refused: () => new VersionConflict(id) }]);
  }

  async get(collection: string, id: string): Promise<Record<string, unknown> | null> {
    const item = await this.#table.get(documentKey(collection, id));
    return item && toValue(item);
  }

  async list(collection: string, limit: number, after?: string): Promise<{ id: string; value: Record<string, unknown> }[]> {
    if (after === '' || limit <= 0) return []; // nothing sorts below the empty text, and no key may be empty
    const items = await this.#table.query(
      {
        KeyConditionExpression: after === undefined ? 'pk = :pk' : 'pk = :pk AND sk < :after',
        ExpressionAttributeValues: { ':pk': documentPartition(collection), ...(after !== undefined && { ':after': after }) },
        ScanIndexForward: false,
      },
      limit,
    );
    return items.map((item) => ({ id: String(item['sk']), value: toValue(item) }));
  }

  async take(collection: string, id: string): Promise<Record<string, unknown> | null> {
    const item = await this.#table.remove(documentKey(collection, id));
    return item && toValue(item);
  }

  /** One read of the collection: for small ones. On AWS nobody has to ask, DynamoDB does it. */
  async expire(collection: string, before: number): Promise<void> {
    const items = await this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      FilterExpression: 'expiresAt < :before',
      ExpressionAttributeValues: { ':pk': documentPartition(collection), ':before': before },
    });
    await this.#table.removeAll(items.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) })));
  }
}

function toItem(collection: string, id: string, value: Value): Item {
  const { version, expiresAt } = value;
  return {
    ...documentKey(collection, id),
    value: packJson(value, `document ${collection}/${id}`),
    ...(typeof version === 'number' && { version }),
    ...(typeof expiresAt === 'number' && { expiresAt, expiresAtSeconds: Math.ceil(expiresAt / 1_000) }),
  };
}

const toValue = (item: Item): Record<string, unknown> => unpackJson(valueSchema, item['value'], `document ${item['pk']}/${item['sk']}`);
