/**
 * Answers kept for their Idempotency-Key: one item a key, without `answer` while the first call is in flight. DynamoDB takes expired ones
 * away by itself, up to two days late; until then they count as not there from the moment that somebody asks for their expiry.
 */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Answer, AnswerKey, AnswerRecord, AnswerStore, Remembered } from '#ports/answer-store.ts';
import type { DynamoTable, Write } from './dynamo-table.ts';
import { packJson, unpackJson } from './packed-json.ts';
import { answerKey } from './table-keys.ts';

/** A day, and the hour by which a slow clock may be behind. */
const KEPT_MILLIS = 25 * 3_600_000;

const answerSchema = z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() });
const itemSchema = z.object({ scope: z.string(), bodyHash: z.string(), begunAt: z.int(), answer: z.unknown().optional() });

export class DynamoAnswerStore implements AnswerStore {
  readonly #table: DynamoTable;
  #expiredBefore = 0;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async find(scope: string): Promise<AnswerRecord | null> {
    const item = await this.#table.get(answerKey(scope));
    if (item === null) return null;
    const { bodyHash, begunAt, answer } = itemSchema.parse(item);
    if (begunAt < this.#expiredBefore) return null;
    return { scope, bodyHash, begunAt, answer: answer === undefined ? null : unpackJson(answerSchema, answer, 'answer') };
  }

  async begin({ scope, bodyHash }: AnswerKey, now: number, staleBefore: number): Promise<boolean> {
    // Whoever asks again because the reply was lost finds itself in the item.
    const caller = randomUUID();
    const { item } = await this.#table.update(answerKey(scope), {
      UpdateExpression:
        'SET #scope = :scope, bodyHash = :hash, begunAt = :now, expiresAtSeconds = :expires, caller = :caller REMOVE answer',
      ConditionExpression:
        'attribute_not_exists(pk) OR begunAt < :expired OR (attribute_not_exists(answer) AND (begunAt < :stale OR caller = :caller))',
      ExpressionAttributeNames: { '#scope': 'scope' },
      ExpressionAttributeValues: {
        ':scope': scope,
        ':hash': bodyHash,
        ':now': now,
        ':expires': toExpiry(now),
        ':caller': caller,
        ':stale': staleBefore,
        ':expired': this.#expiredBefore,
      },
    });
    return item !== null;
  }

  async finish({ scope, bodyHash }: AnswerKey, answer: Answer): Promise<void> {
    await this.#table.update(answerKey(scope), {
      UpdateExpression: 'SET answer = :answer',
      ConditionExpression: 'bodyHash = :hash AND attribute_not_exists(answer)',
      ExpressionAttributeValues: { ':answer': packJson(answer, 'an answer'), ':hash': bodyHash },
    });
  }

  async forget(scope: string): Promise<void> {
    await this.#table.remove(answerKey(scope), { ConditionExpression: 'attribute_not_exists(answer)' });
  }

  async expire(before: number): Promise<void> {
    this.#expiredBefore = Math.max(this.#expiredBefore, before);
  }
}

const toExpiry = (begunAt: number): number => Math.ceil((begunAt + KEPT_MILLIS) / 1_000);

/** An answer in the transaction of the create itself; the mark of the same call in flight becomes the answer. @param now milliseconds */
export function rememberedAnswer({ scope, bodyHash, answer }: Remembered, now: number): Write['item'] {
  return {
    Update: {
      Key: answerKey(scope),
      UpdateExpression:
        'SET #scope = :scope, bodyHash = :hash, answer = :answer, begunAt = if_not_exists(begunAt, :now), expiresAtSeconds = :expires',
      ConditionExpression: 'attribute_not_exists(pk) OR begunAt < :expired OR (attribute_not_exists(answer) AND bodyHash = :hash)',
      ExpressionAttributeNames: { '#scope': 'scope' },
      ExpressionAttributeValues: {
        ':scope': scope,
        ':hash': bodyHash,
        ':answer': packJson(answer, 'an answer'),
        ':now': now,
        ':expires': toExpiry(now),
        ':expired': now - KEPT_MILLIS,
      },
    },
  };
}
