import * as z from 'zod';
import type { LogChunkStart, LogIndex } from '#ports/following.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

const rowSchema = z.compile(z.object({ attempt: z.int(), chunk: z.int(), first_at: z.string() }));

export class SqliteLogIndex implements LogIndex {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async add(runId: string, chunks: readonly LogChunkStart[]): Promise<void> {
    const sql = 'INSERT INTO log_chunks (run_id, first_at, attempt, chunk) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    await this.#database.write(() => {
      for (const { attempt, chunk, firstAt } of chunks) this.#database.execute(sql, runId, firstAt, attempt, chunk);
    });
  }

  async lastBefore(runId: string, time: string): Promise<LogChunkStart | null> {
    const sql = `SELECT attempt, chunk, first_at FROM log_chunks WHERE run_id = ? AND first_at < ?
      ORDER BY first_at DESC, attempt DESC, chunk DESC LIMIT 1`;
    const row = this.#database.row(rowSchema, sql, runId, time);
    return row && { attempt: row.attempt, chunk: row.chunk, firstAt: row.first_at };
  }

  async removeAll(runId: string): Promise<void> {
    await this.#database.write(() => this.#database.execute('DELETE FROM log_chunks WHERE run_id = ?', runId));
  }
}
