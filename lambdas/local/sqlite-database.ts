/**
 * The plane's one database: <home>/tuneplane.sqlite.
 *
 * Durable     WAL with synchronous=FULL: COMMIT returns after the disk's fsync, and a write resolves after its COMMIT.
 * Grouped     Writes asked for in one turn of the event loop share one COMMIT, because the fsync is the price of a write: 16 callers at
 *             once pay for one. Each write has a savepoint, so that one that throws takes back its own rows and nobody else's.
 * Readable    Reads run at once and see what is committed: a group runs in one go, so that nothing can be read in the middle of it.
 * Exclusive   One process has it; the lock on the home is the server's business. Another one that only looks (a backup) is waited for.
 *
 * Known gap: an fsync blocks the event loop for as long as the disk takes.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import { MIGRATIONS, migrate } from './sqlite-migrations.ts';

const FILE_NAME = 'tuneplane.sqlite';
const BUSY_MILLISECONDS = 5_000;
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;             -- on macOS a plain fsync leaves the data in the drive's cache
  PRAGMA wal_autocheckpoint = 4000;  -- 16 MB: pages of many changes are copied back once; 16 callers create 17,000 runs/s instead of 10,000
  PRAGMA cache_size = -32768;        -- 32 MB: the newest 10,000 runs are read without asking the disk
`;
/** The check reads the whole file, at ~1 GB/s: up to here a start does not feel it. */
const MAX_CHECKED_BYTES = 256 * 1024 * 1024;
/** 500 creates take ~25 ms: longer than that nobody else should wait for the event loop. */
const MAX_GROUP = 500;
/** A turn under load is ~100 us, a sync of the disk 200 and more. */
const MAX_TURNS = 4;

interface QueuedWrite {
  /** Runs inside the transaction; what it returns settles the promise after the COMMIT. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

export class SqliteDatabase {
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #afterCommit = new Set<() => void>();
  readonly #queue: QueuedWrite[] = [];
  #commitIsDue = false;
  #lastMoment: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * @param home folder of the plane's state; made if it is not there
   * @throws Error naming the file, where it is damaged, no database at all, or of a newer Tuneplane
   */
  static open(home: string, migrations: readonly string[] = MIGRATIONS): SqliteDatabase {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const path = join(home, FILE_NAME);
    const connection = new DatabaseSync(path, { timeout: BUSY_MILLISECONDS, enableForeignKeyConstraints: false });
    try {
      checkIntegrity(connection, path);
      connection.exec(PRAGMAS);
      migrate(connection, path, migrations);
    } catch (error) {
      connection.close();
      throw error;
    }
    return new SqliteDatabase(connection);
  }

  private constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  /** The rows of a query, each checked by its schema. */
  rows<Row>(schema: z.ZodType<Row>, sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql)
      .all(...values)
      .map((row) => schema.parse(row));
  }

  /** The first row of a query. */
  row<Row>(schema: z.ZodType<Row>, sql: string, ...values: SQLInputValue[]): Row | null {
    const row = this.#prepare(sql).get(...values);
    return row === undefined ? null : schema.parse(row);
  }

  /** Runs a statement; only inside `write`. @returns how many rows it changed (triggers not counted) */
  execute(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /**
   * Runs `work` in the transaction of this turn's group, and resolves with what it returned once that is on the disk.
   * Whatever `work` throws rejects this promise alone; a failed COMMIT (disk full) rejects the whole group, with the cause.
   * @param work synchronous; reads and executes
   * @param patienceMilliseconds how long it may wait to share the commit of another write: for what a crash may take back
   */
  write<Result>(work: () => Result, patienceMilliseconds = 0): Promise<Result> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'));
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      this.#queue.push({ run, reject });
      if (patienceMilliseconds === 0) this.#commitSoon();
      else this.#lastMoment ??= setTimeout(() => this.#commitSoon(), patienceMilliseconds);
    });
  }

  /** Inside `write`: calls back once the group is committed, however often the group asks for it. */
  afterCommit(callback: () => void): void {
    this.#afterCommit.add(callback);
  }

  /** Commits what is queued, and closes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#queue.length > 0) this.#commitGroup();
    this.#connection.close();
  }

  #commitSoon(): void {
    if (this.#commitIsDue) return;
    this.#commitIsDue = true;
    this.#commitAfterCrowd(0, 1);
  }

  /** A crowd's writes come over several turns of the event loop: as long as a turn brings more, the commit waits for one more. */
  #commitAfterCrowd(seen: number, turn: number): void {
    setImmediate(() => {
      const waiting = this.#queue.length;
      if (waiting > 1 && waiting > seen && turn < MAX_TURNS) {
        this.#commitAfterCrowd(waiting, turn + 1);
        return;
      }
      this.#commitIsDue = false;
      if (waiting > 0) this.#commitGroup();
      if (this.#queue.length > 0) this.#commitSoon();
    });
  }

  #commitGroup(): void {
    clearTimeout(this.#lastMoment);
    this.#lastMoment = undefined;
    const group = this.#queue.splice(0, MAX_GROUP);
    const settlements: (() => void)[] = [];
    try {
      this.execute('BEGIN IMMEDIATE');
      for (const write of group) settlements.push(this.#attempt(write));
      this.execute('COMMIT');
    } catch (error) {
      this.#afterCommit.clear();
      for (const write of group) write.reject(explain(error));
      if (this.#connection.isTransaction) this.execute('ROLLBACK');
      return;
    }
    for (const settle of settlements) settle();
    for (const callback of this.#afterCommit) queueMicrotask(callback);
    this.#afterCommit.clear();
  }

  /** A write that throws settles as rejected and leaves no trace. @throws where SQLite itself gave up the transaction (disk full, I/O error) */
  #attempt(write: QueuedWrite): () => void {
    this.execute('SAVEPOINT one_write');
    try {
      const settle = write.run();
      this.execute('RELEASE one_write');
      return settle;
    } catch (error) {
      if (!this.#connection.isTransaction) throw error;
      this.execute('ROLLBACK TO one_write');
      this.execute('RELEASE one_write');
      return () => write.reject(explain(error));
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function checkIntegrity(connection: DatabaseSync, path: string): void {
  const quick = statSync(path).size <= MAX_CHECKED_BYTES;
  let found: unknown;
  try {
    found = connection
      .prepare(quick ? 'PRAGMA quick_check(1)' : "SELECT 'ok' AS quick_check, count(*) FROM sqlite_schema")
      .get()?.quick_check;
  } catch (error) {
    found = error instanceof Error ? error.message : error;
  }
  if (found !== 'ok') throw new Error(`${path} is damaged (${found}): restore it from a backup, or move it away`);
}

/** SQLite's result codes: https://www.sqlite.org/rescode.html#full and #busy */
const SQLITE_FULL = 13;
const SQLITE_BUSY = 5;

/** A disk without space is nobody's request's fault, and passes: the caller hears that nothing was accepted, and to try again. */
function explain(error: unknown): unknown {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  if (code === SQLITE_FULL)
    return new DomainError(
      'plane_busy',
      "the plane's disk is full: nothing was accepted, and nothing that was is lost",
      {},
      { cause: error },
    );
  if (code === SQLITE_BUSY)
    return new DomainError('plane_busy', "the plane's database is in use by another program: nothing was accepted", {}, { cause: error });
  return error;
}

/**
 * What a JSON column holds.
 * @param what for the message: "run run_01h..."
 * @throws Error naming it, where it does not meet the schema
 */
export function parseStored<Value>(schema: z.ZodType<Value>, text: string, what: string): Value {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`the stored ${what} cannot be read: ${problem}`, { cause: error });
  }
}
