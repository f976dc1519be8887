/**
 * One DynamoDB table in a few verbs, each with AWS's refusals in our words.
 *
 *   a condition that does not hold      the error that the write itself names
 *   another transaction, throttling     tried again with full jitter for about 2 s, then DomainError `plane_busy`: 503 with Retry-After
 *   a reply that was lost               the SDK sends the same request again; a transaction carries a token by which DynamoDB knows it
 *
 * Sources: docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html (reasons, token, 100 items, 4 MB),
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html (conflicts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionalCheckFailedException, DynamoDBServiceException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  type BatchGetCommandInput,
  type BatchGetCommandOutput,
  BatchWriteCommand,
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { DomainError } from '#domain/errors.ts';
import type { TableKey } from './table-keys.ts';

export type Item = Readonly<Record<string, unknown>>;
type KeysAndAttributes = NonNullable<BatchGetCommandInput['RequestItems']>[string];
type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

type InThisTable<Part> = Omit<NonNullable<Part>, 'TableName'>;

/** One part of a transaction, and what it means when its condition does not hold. */
export interface Write {
  readonly item:
    | { readonly Put: InThisTable<TransactItem['Put']> }
    | { readonly Update: InThisTable<TransactItem['Update']> }
    | { readonly Delete: InThisTable<TransactItem['Delete']> };
  readonly refused?: () => Error;
}

export type Update = Omit<UpdateCommandInput, 'TableName' | 'Key' | 'ReturnValues' | 'ReturnValuesOnConditionCheckFailure'>;

const MAX_TRIES = 9;
const FIRST_WAIT_MILLIS = 25;
const LAST_WAIT_MILLIS = 500;
/** What the APIs take at once. */
const READ_AT_ONCE = 100;
const WRITTEN_AT_ONCE = 25;
const MAX_TRANSACTION_ITEMS = 100;

const AGAIN = new Set([
  'TransactionConflict',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ThrottlingError',
  'ThrottlingException',
  'ProvisionedThroughputExceeded',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ReplicatedWriteConflictException',
]);

export interface DynamoTableOptions {
  readonly client: DynamoDBDocumentClient;
  readonly table: string;
  /** waits between tries; tests give one that does not wait */
  readonly wait?: (millis: number) => Promise<unknown>;
}

export class DynamoTable {
  readonly name: string;
  readonly #client: DynamoDBDocumentClient;
  readonly #wait: (millis: number) => Promise<unknown>;

  constructor({ client, table, wait = sleep }: DynamoTableOptions) {
    this.#client = client;
    this.name = table;
    this.#wait = wait;
  }

  /** Consistent. */
  async get(key: TableKey, attributes?: readonly string[]): Promise<Item | null> {
    const { Item } = await this.#again(() =>
      this.#client.send(new GetCommand({ ...this.#at(key), ConsistentRead: true, ...project(attributes) })),
    );
    return Item ?? null;
  }

  /** Consistent; in any order, without those that are not there. */
  async getAll(keys: readonly TableKey[]): Promise<Item[]> {
    const portions = Array.from({ length: Math.ceil(keys.length / READ_AT_ONCE) }, (_, index) =>
      keys.slice(index * READ_AT_ONCE, (index + 1) * READ_AT_ONCE),
    );
    return (await Promise.all(portions.map((portion) => this.#getPortion(portion)))).flat();
  }

  /** A stretch of one partition, page after page until `limit` items are there. */
  async query(input: Omit<QueryCommandInput, 'TableName'>, limit = Number.POSITIVE_INFINITY): Promise<Item[]> {
    const items: Item[] = [];
    const isIndex = input.IndexName !== undefined;
    let ExclusiveStartKey: QueryCommandInput['ExclusiveStartKey'];
    do {
      const page = new QueryCommand({
        TableName: this.name,
        ConsistentRead: !isIndex,
        ...input,
        ExclusiveStartKey,
        ...(Number.isFinite(limit) && { Limit: limit - items.length }),
      });
      const answer = await this.#again(() => this.#client.send(page));
      items.push(...(answer.Items ?? []));
      ExclusiveStartKey = answer.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined && items.length < limit);
    return items;
  }

  /** All of these or none. @throws the error of the first write whose condition does not hold; DomainError `plane_busy` */
  async transact(writes: readonly Write[]): Promise<void> {
    if (writes.length > MAX_TRANSACTION_ITEMS)
      throw new Error(`a transaction has at most ${MAX_TRANSACTION_ITEMS} items, got ${writes.length}`);
    const TransactItems = writes.map(({ item }) => withTable(item, this.name));
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.send(new TransactWriteCommand({ TransactItems })); // the SDK makes a new token for each
        return;
      } catch (error) {
        if (!isAgain(error)) throw refusalOf(writes, error);
        if (attempt === MAX_TRIES) throw firstRefusal(writes, error) ?? busy(error);
        await this.#pause(attempt);
      }
    }
  }

  /** @returns the item afterwards; null where the condition does not hold, with what is there instead in `found` */
  async update(key: TableKey, update: Update): Promise<{ item: Item } | { item: null; found: Item | null }> {
    const command = new UpdateCommand({
      ...this.#at(key),
      ...update,
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    try {
      const { Attributes } = await this.#again(() => this.#client.send(command));
      return { item: Attributes ?? {} };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { item: null, found: unmarshalled(error) };
      throw error;
    }
  }

  /** @returns what was there; null where nothing was, or the condition does not hold */
  async remove(
    key: TableKey,
    condition: Pick<Update, 'ConditionExpression' | 'ExpressionAttributeValues' | 'ExpressionAttributeNames'> = {},
  ): Promise<Item | null> {
    const command = new DeleteCommand({ ...this.#at(key), ...condition, ReturnValues: 'ALL_OLD' });
    try {
      return (await this.#again(() => this.#client.send(command))).Attributes ?? null;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return null;
      throw error;
    }
  }

  /** Each by itself: a fault in the middle leaves some of them written. */
  async putAll(items: readonly Item[]): Promise<void> {
    await this.#writeAll(items.map((Item) => ({ PutRequest: { Item } })));
  }

  async removeAll(keys: readonly TableKey[]): Promise<void> {
    await this.#writeAll(keys.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } } })));
  }

  #at({ pk, sk }: TableKey) {
    return { TableName: this.name, Key: { pk, sk } };
  }

  async #getPortion(keys: readonly TableKey[]): Promise<Item[]> {
    const items: Item[] = [];
    let wanted: Record<string, unknown>[] | undefined = keys.map(({ pk, sk }) => ({ pk, sk }));
    for (let attempt = 1; wanted !== undefined && wanted.length > 0; attempt++) {
      if (attempt > 1) await this.#pause(attempt - 1);
      if (attempt > MAX_TRIES) throw busy(new Error(`${wanted.length} keys stayed unprocessed`));
      const RequestItems: Record<string, KeysAndAttributes> = { [this.name]: { Keys: wanted, ConsistentRead: true } };
      const command = new BatchGetCommand({ RequestItems });
      const answer: BatchGetCommandOutput = await this.#again(() => this.#client.send(command));
      items.push(...(answer.Responses?.[this.name] ?? []));
      wanted = answer.UnprocessedKeys?.[this.name]?.Keys;
    }
    return items;
  }

  async #writeAll(requests: readonly Record<string, unknown>[]): Promise<void> {
    for (let start = 0; start < requests.length; start += WRITTEN_AT_ONCE) {
      let waiting: Record<string, unknown>[] | undefined = requests.slice(start, start + WRITTEN_AT_ONCE);
      for (let attempt = 1; waiting !== undefined && waiting.length > 0; attempt++) {
        if (attempt > 1) await this.#pause(attempt - 1);
        if (attempt > MAX_TRIES) throw busy(new Error(`${waiting.length} writes stayed unprocessed`));
        const RequestItems: Record<string, Record<string, unknown>[]> = { [this.name]: waiting };
        const answer = await this.#again(() => this.#client.send(new BatchWriteCommand({ RequestItems })));
        waiting = answer.UnprocessedItems?.[this.name];
      }
    }
  }

  async #again<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (error) {
        if (!isAgain(error)) throw error;
        if (attempt === MAX_TRIES) throw busy(error);
        await this.#pause(attempt);
      }
    }
  }

  /** Full jitter: any time up to a limit that doubles. */
  async #pause(attempt: number): Promise<void> {
    await this.#wait(Math.random() * Math.min(LAST_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** attempt));
  }
}

function project(attributes: readonly string[] | undefined) {
  if (attributes === undefined) return {};
  const names = Object.fromEntries(attributes.map((name, index) => [`#${index}`, name]));
  return { ProjectionExpression: Object.keys(names).join(', '), ExpressionAttributeNames: names };
}

function withTable(item: Write['item'], TableName: string): TransactItem {
  if ('Put' in item) return { Put: { ...item.Put, TableName } };
  if ('Update' in item) return { Update: { ...item.Update, TableName } };
  return { Delete: { ...item.Delete, TableName } };
}

/** Something that will be over in a moment. A cancelled transaction is, where any of its items met another writer. */
function isAgain(error: unknown): boolean {
  if (error instanceof TransactionCanceledException) return codesOf(error).some((code) => AGAIN.has(code));
  return error instanceof DynamoDBServiceException && AGAIN.has(error.name);
}

const codesOf = ({ CancellationReasons = [] }: TransactionCanceledException): string[] =>
  CancellationReasons.map(({ Code }) => Code ?? 'None');

function firstRefusal(writes: readonly Write[], error: unknown): Error | null {
  if (!(error instanceof TransactionCanceledException)) return null;
  const refused = codesOf(error).indexOf('ConditionalCheckFailed');
  return writes[refused]?.refused?.() ?? null;
}

const refusalOf = (writes: readonly Write[], error: unknown): unknown => firstRefusal(writes, error) ?? error;

const busy = (cause: unknown): DomainError =>
  new DomainError(
    'plane_busy',
    'too many changes at the same moment, try again',
    {},
    { cause: cause instanceof Error ? cause : new Error(String(cause)) },
  );

/** The document client leaves the item of a failed condition as it came. */
function unmarshalled({ Item }: ConditionalCheckFailedException): Item | null {
  return Item ? fromAttributes(Item) : null;
}

const fromAttributes = (item: NonNullable<ConditionalCheckFailedException['Item']>): Item =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.S ?? value.B ?? value.BOOL ?? (value.N === undefined ? null : Number(value.N)),
    ]),
  );
