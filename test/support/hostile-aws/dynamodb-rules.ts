/** DynamoDB as it is under load, and at its limits. Pages: docs.aws.amazon.com/amazondynamodb/latest/ */
import {
  DynamoDBServiceException,
  ProvisionedThroughputExceededException,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb';
import type { Dice, Output, Request, Rule, Send } from './hostile-aws.ts';
import { lostReply } from './transient-faults.ts';

/** As the document client takes them: plain values. */
type Attributes = Readonly<Record<string, unknown>>;
interface TransactionPart {
  readonly TableName: string;
  readonly Key?: Attributes;
  readonly Item?: Attributes;
}

const PAGES = 'docs.aws.amazon.com/amazondynamodb/latest/';
const SINGLE_WRITES = ['PutItem', 'UpdateItem', 'DeleteItem'];
const READS = ['GetItem', 'Query', 'BatchGetItem'];

const failure = { message: 'refused', $metadata: { httpStatusCode: 400 } };
const keyOf = ({ TableName, Key, Item }: TransactionPart): string => {
  const { pk, sk } = (Key ?? Item) as Attributes;
  return JSON.stringify([TableName, pk, sk]);
};
const partsOf = ({ input }: Request): TransactionPart[] =>
  (input['TransactItems'] as readonly Readonly<Record<string, TransactionPart>>[]).flatMap((item) => Object.values(item));

const cancelled = (codes: readonly string[]): Error =>
  new TransactionCanceledException({ ...failure, CancellationReasons: codes.map((Code) => ({ Code })) });

/** Items that a transaction of this process is writing at this moment. */
const inTransaction = new Set<string>();

async function cancelOverlapping(request: Request, send: Send, dice: Dice): Promise<Output> {
  const keys = partsOf(request).map(keyOf);
  const codes = keys.map((key) => (inTransaction.has(key) ? 'TransactionConflict' : 'None'));
  if (codes.includes('TransactionConflict') && dice.strikes(1)) throw cancelled(codes);
  for (const key of keys) inTransaction.add(key);
  try {
    return await send();
  } finally {
    for (const key of keys) inTransaction.delete(key);
  }
}

/** What each index, and each read that need not be consistent, showed the last time. */
const shown = new Map<string, Output>();

async function showOlder({ operation, input }: Request, send: Send, dice: Dice): Promise<Output> {
  if (input['ConsistentRead'] === true || operation === 'BatchGetItem') return send();
  const question = JSON.stringify(input);
  const before = shown.get(question) ?? (operation === 'Query' ? { Items: [], Count: 0 } : {});
  const now = await send();
  shown.set(question, now);
  return dice.strikes(0.5) ? before : now;
}

async function leaveSomeUndone({ operation, input }: Request, send: Send, dice: Dice): Promise<Output> {
  const isRead = operation === 'BatchGetItem';
  const [[table, asked]] = Object.entries(input['RequestItems'] as object) as [[string, never]];
  const all: readonly unknown[] = isRead ? asked['Keys'] : asked;
  if (all.length < 2 || !dice.strikes(0.3)) return send();
  const done = 1 + dice.below(all.length - 1);
  const portion = (part: readonly unknown[]) => ({ [table]: isRead ? { ...(asked as object), Keys: part } : part });
  const output = await send({ ...input, RequestItems: portion(all.slice(0, done)) });
  return { ...output, [isRead ? 'UnprocessedKeys' : 'UnprocessedItems']: portion(all.slice(done)) };
}

function refuseTooMuch(request: Request): void {
  const parts = request.operation === 'TransactWriteItems' ? partsOf(request) : [request.input as unknown as TransactionPart];
  const sizes = parts.map(({ Item }) => (Item ? Buffer.byteLength(JSON.stringify(Item)) : 0));
  const problem =
    (parts.length > 100 && 'Member must have length less than or equal to 100') ||
    (new Set(parts.map(keyOf)).size < parts.length && 'Transaction request cannot include multiple operations on one item') ||
    (sizes.some((size) => size > 400 * 1_024) && 'Item size has exceeded the maximum allowed size') ||
    (sizes.reduce((sum, size) => sum + size, 0) > 4 * 1_048_576 && 'Transaction size has exceeded 4 MB') ||
    (parts.some((part) => isKeyTooLong(part)) && 'One or more parameter values were invalid: Size of hashkey or rangekey has exceeded');
  if (problem) throw new DynamoDBServiceException({ ...failure, name: 'ValidationException', $fault: 'client', message: problem });
}

function isKeyTooLong({ Key, Item }: TransactionPart): boolean {
  const { pk, sk } = (Key ?? Item) as Attributes;
  const [partition = 0, sort = 0] = [pk, sk].map((attribute) => Buffer.byteLength(String(attribute)));
  return partition === 0 || partition > 2_048 || sort === 0 || sort > 1_024;
}

const service = 'DynamoDB';

export const DYNAMODB_RULES: readonly Rule[] = [
  {
    does: 'a transaction is cancelled where another one writes one of its items at that moment',
    page: `${PAGES}developerguide/transaction-apis.html#transaction-conflict-handling`,
    service,
    operations: ['TransactWriteItems'],
    on: 'request',
    impose: cancelOverlapping,
  },
  {
    does: 'a transaction is cancelled by a writer that nobody here knows of',
    page: `${PAGES}APIReference/API_TransactWriteItems.html`,
    service,
    operations: ['TransactWriteItems'],
    on: 'request',
    impose: async (request, send, dice) => {
      if (!dice.strikes(0.15)) return send();
      const parts = partsOf(request);
      const contested = dice.below(parts.length);
      throw cancelled(parts.map((_, index) => (index === contested ? 'TransactionConflict' : 'None')));
    },
  },
  {
    does: 'a single write is refused while a transaction writes its item',
    page: `${PAGES}developerguide/transaction-apis.html#transaction-conflict-handling`,
    service,
    operations: SINGLE_WRITES,
    on: 'request',
    impose: async ({ input }, send, dice) => {
      const isContested = inTransaction.has(keyOf(input as unknown as TransactionPart));
      if (isContested ? dice.strikes(1) : dice.strikes(0.05)) throw new TransactionConflictException(failure);
      return send();
    },
  },
  {
    does: 'a partition that is asked too often refuses, more often than the SDK asks again',
    page: `${PAGES}developerguide/Programming.Errors.html#Programming.Errors.RetryAndBackoff`,
    service,
    operations: [...SINGLE_WRITES, ...READS, 'BatchWriteItem'],
    on: 'request',
    impose: async (_, send, dice) => {
      if (dice.strikes(0.03)) throw new ProvisionedThroughputExceededException(failure);
      return send();
    },
  },
  {
    does: 'a reply is lost after the request was carried out, and the SDK sends it again',
    page: 'docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html',
    service,
    operations: ['TransactWriteItems', ...SINGLE_WRITES, ...READS, 'BatchWriteItem'],
    on: 'try',
    impose: async (_, send, dice) => {
      const output = await send();
      if (dice.strikes(0.04)) throw lostReply();
      return output;
    },
  },
  {
    does: 'an index, and a read that is not consistent, may show what was there before',
    page: `${PAGES}developerguide/HowItWorks.ReadConsistency.html`,
    service,
    operations: ['GetItem', 'Query', 'BatchGetItem'],
    on: 'request',
    impose: showOlder,
  },
  {
    does: 'a page of a Query ends wherever it likes',
    page: `${PAGES}developerguide/Query.Pagination.html`,
    service,
    operations: ['Query'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      if (!dice.strikes(0.3)) return send();
      return send({ ...input, Limit: Math.min(1 + dice.below(3), Number(input['Limit'] ?? 3)) });
    },
  },
  {
    does: 'a batch leaves some of its keys or items undone',
    page: `${PAGES}APIReference/API_BatchGetItem.html`,
    service,
    operations: ['BatchGetItem', 'BatchWriteItem'],
    on: 'request',
    impose: leaveSomeUndone,
  },
  {
    does: 'items above 400 KB, keys above 2,048 and 1,024 bytes and transactions above 4 MB or 100 items are refused',
    page: `${PAGES}developerguide/Constraints.html`,
    service,
    operations: ['TransactWriteItems', ...SINGLE_WRITES],
    on: 'request',
    impose: async (request, send, dice) => {
      try {
        refuseTooMuch(request);
      } catch (error) {
        dice.strikes(1);
        throw error;
      }
      return send();
    },
  },
];
