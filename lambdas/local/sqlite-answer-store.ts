/** Answers kept for their Idempotency-Key: one row a key, `answer` null while the first call is in flight. */
import * as z from 'zod';
import type { Answer, AnswerKey, AnswerRecord, AnswerStore, Remembered } from '#ports/answer-store.ts';
import { parseStored, type SqliteDatabase } from './sqlite-database.ts';

/** Old answers are looked for in portions, so that a day's worth of them does not hold up the event loop. */
const EXPIRE_PORTION = 1_000;

const answerSchema = z.compile(z.object({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() }));
const rowSchema = z.compile(z.object({ scope: z.string(), body_hash: z.string(), answer: z.string().nullable(), begun_at: z.int() }));
const lastRowSchema = z.compile(z.object({ scope: z.string().nullable() }));

export class SqliteAnswerStore implements AnswerStore {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async find(scope: string): Promise<AnswerRecord | null> {
    const row = this.#database.row(rowSchema, 'SELECT scope, body_hash, answer, begun_at FROM answers WHERE scope = ?', scope);
    if (row === null) return null;
    const answer = row.answer === null ? null : parseStored(answerSchema, row.answer, 'answer');
    return { scope: row.scope, bodyHash: row.body_hash, answer, begunAt: row.begun_at };
  }

  begin({ scope, bodyHash }: AnswerKey, now: number, staleBefore: number): Promise<boolean> {
    return this.#database.write(() => {
      const changed = this.#database.execute(
        `INSERT INTO answers (scope, body_hash, begun_at) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET body_hash = excluded.body_hash, begun_at = excluded.begun_at
             WHERE answer IS NULL AND begun_at < ?`,
        scope,
        bodyHash,
        now,
        staleBefore,
      );
      return changed === 1;
    });
  }

  async finish({ scope, bodyHash }: AnswerKey, answer: Answer): Promise<void> {
    await this.#database.write(() =>
      this.#database.execute(
        'UPDATE answers SET answer = ? WHERE scope = ? AND body_hash = ? AND answer IS NULL',
        JSON.stringify(answer),
        scope,
        bodyHash,
      ),
    );
  }

  async forget(scope: string): Promise<void> {
    await this.#database.write(() => this.#database.execute('DELETE FROM answers WHERE scope = ? AND answer IS NULL', scope));
  }

  async expire(before: number): Promise<void> {
    let from: string | null = '';
    while (from !== null) from = await this.#expirePortion(from, before);
  }

  /** @returns the last scope looked at; null at the end */
  #expirePortion(from: string, before: number): Promise<string | null> {
    return this.#database.write(() => {
      const portion = 'SELECT scope FROM answers WHERE scope > ? ORDER BY scope LIMIT ?';
      const to = this.#database.row(lastRowSchema, `SELECT max(scope) AS scope FROM (${portion})`, from, EXPIRE_PORTION)?.scope ?? null;
      if (to !== null) this.#database.execute('DELETE FROM answers WHERE scope > ? AND scope <= ? AND begun_at < ?', from, to, before);
      return to;
    });
  }
}

/**
 * Stores an answer in the transaction that is under way; the mark of the same call in flight becomes the answer.
 * @param now milliseconds, for keys that were never marked as in flight
 * @returns false where an answer, or a call with another body, is there already
 */
export function rememberAnswer(database: SqliteDatabase, { scope, bodyHash, answer }: Remembered, now: number): boolean {
  const changed = database.execute(
    `INSERT INTO answers (scope, body_hash, answer, begun_at) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET answer = excluded.answer WHERE answer IS NULL AND body_hash = excluded.body_hash`,
    scope,
    bodyHash,
    JSON.stringify(answer),
    now,
  );
  return changed === 1;
}
