import * as z from 'zod';
import type { Remembered } from '#ports/answer-store.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { rememberAnswer } from './sqlite-answer-store.ts';
import { parseStored, type SqliteDatabase } from './sqlite-database.ts';

/** Sorts after every id. */
const ABOVE_ALL_IDS = '\u{10ffff}';

const valueSchema = z.compile(z.record(z.string(), z.unknown()));
const rowSchema = z.compile(z.object({ id: z.string(), value: z.string() }));

export class SqliteDocumentStore implements DocumentStore {
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;

  constructor(database: SqliteDatabase, { clock }: { readonly clock: Clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  put(collection: string, id: string, value: Readonly<Record<string, unknown>>, remembered?: Remembered): Promise<void> {
    return this.#database.write(() => {
      if (remembered && !rememberAnswer(this.#database, remembered, this.#clock.now())) throw new VersionConflict(id);
      this.#database.execute(
        'INSERT INTO documents (collection, id, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
        collection,
        id,
        JSON.stringify(value),
      );
    });
  }

  change(
    collection: string,
    id: string,
    value: Readonly<Record<string, unknown>> & { readonly version: number },
    expectedVersion: number,
  ): Promise<void> {
    return this.#database.write(() => {
      const changed = this.#database.execute(
        "UPDATE documents SET value = ? WHERE collection = ? AND id = ? AND json_extract(value, '$.version') = ?",
        JSON.stringify(value),
        collection,
        id,
        expectedVersion,
      );
      if (changed === 0) throw new VersionConflict(id);
    });
  }

  async get(collection: string, id: string): Promise<Record<string, unknown> | null> {
    const row = this.#database.row(rowSchema, 'SELECT id, value FROM documents WHERE collection = ? AND id = ?', collection, id);
    return row === null ? null : parseStored(valueSchema, row.value, `document ${collection}/${id}`);
  }

  async list(collection: string, limit: number, after: string = ABOVE_ALL_IDS): Promise<{ id: string; value: Record<string, unknown> }[]> {
    return this.#database
      .rows(rowSchema, 'SELECT id, value FROM documents WHERE collection = ? AND id < ? ORDER BY id DESC LIMIT ?', collection, after, limit)
      .map(({ id, value }) => ({ id, value: parseStored(valueSchema, value, `document ${collection}/${id}`) }));
  }

  take(collection: string, id: string): Promise<Record<string, unknown> | null> {
    return this.#database.write(() => {
      const sql = 'DELETE FROM documents WHERE collection = ? AND id = ? RETURNING id, value';
      const row = this.#database.row(rowSchema, sql, collection, id);
      return row && parseStored(valueSchema, row.value, `document ${collection}/${id}`);
    });
  }

  async expire(collection: string, before: number): Promise<void> {
    const sql = "DELETE FROM documents WHERE collection = ? AND json_extract(value, '$.expiresAt') < ?";
    await this.#database.write(() => this.#database.execute(sql, collection, before));
  }
}
