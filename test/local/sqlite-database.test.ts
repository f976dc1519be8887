import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const NOTES = 'CREATE TABLE notes (text TEXT NOT NULL UNIQUE) STRICT';
const noteSchema = z.object({ text: z.string() });
const pragmaSchema = z.object({ value: z.union([z.string(), z.number()]) });

async function newHome(): Promise<string> {
  const folder = await makeTemporaryFolder();
  onTestFinished(folder.remove);
  return folder.path;
}

function openNotes(home: string): SqliteDatabase {
  const database = SqliteDatabase.open(home, [NOTES]);
  onTestFinished(() => database.close());
  return database;
}

const write = (database: SqliteDatabase, text: string): Promise<number> =>
  database.write(() => database.execute('INSERT INTO notes VALUES (?)', text));
const notesIn = (database: SqliteDatabase): string[] =>
  database.rows(noteSchema, 'SELECT text FROM notes ORDER BY rowid').map(({ text }) => text);

/** The file as another program would open it. */
function editFile(home: string, sql: string): void {
  const connection = new DatabaseSync(join(home, 'tuneplane.sqlite'));
  connection.exec(sql);
  connection.close();
}

describe('a write', () => {
  test('is read only once it is committed', async () => {
    const database = openNotes(await newHome());

    const written = write(database, 'a');

    expect(notesIn(database)).toEqual([]);
    await written;
    expect(notesIn(database)).toEqual(['a']);
  });

  test('shares its commit with the others of one turn of the event loop', async () => {
    const database = openNotes(await newHome());
    let commits = 0;
    const count = (): void => {
      commits += 1;
    };

    await Promise.all(
      ['a', 'b', 'c'].map((text) =>
        database.write(() => [database.execute('INSERT INTO notes VALUES (?)', text), database.afterCommit(count)]),
      ),
    );

    expect(commits).toBe(1);
    expect(notesIn(database)).toEqual(['a', 'b', 'c']);
  });

  test('that throws takes back its own rows and nobody else’s', async () => {
    const database = openNotes(await newHome());
    const broken = database.write(() => {
      database.execute('INSERT INTO notes VALUES (?)', 'half');
      throw new Error('changed my mind');
    });

    const results = await Promise.allSettled([write(database, 'a'), broken, write(database, 'a'), write(database, 'b')]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    await expect(broken).rejects.toThrow('changed my mind');
    expect(notesIn(database)).toEqual(['a', 'b']);
  });

  test('gives back what its work returned', async () => {
    const database = openNotes(await newHome());

    expect(await database.write(() => 'the result')).toBe('the result');
  });

  test('is rejected with its whole group where the commit fails, and the next one goes well', async () => {
    // given a constraint that is only looked at when the transaction ends
    const home = await newHome();
    const database = SqliteDatabase.open(home, [
      `${NOTES}; CREATE TABLE replies (note TEXT REFERENCES notes (text) DEFERRABLE INITIALLY DEFERRED) STRICT`,
    ]);
    onTestFinished(() => database.close());
    database.execute('PRAGMA foreign_keys = ON');

    // when one write of a group breaks it
    const orphan = database.write(() => database.execute("INSERT INTO replies VALUES ('nobody')"));
    const results = await Promise.allSettled([write(database, 'a'), orphan]);

    // then none of the group is there, each knows the cause, and the database works on
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(orphan).rejects.toThrow(/FOREIGN KEY/);
    expect(notesIn(database)).toEqual([]);
    await write(database, 'b');
    expect(notesIn(database)).toEqual(['b']);
  });

  test('is rejected where the disk is full, and the next one that fits goes well', async () => {
    const database = openNotes(await newHome());
    await write(database, 'a');
    database.execute('PRAGMA max_page_count = 1'); // SQLite takes the present size instead: not one page more

    const results = await Promise.allSettled([write(database, 'b'), write(database, 'x'.repeat(100_000)), write(database, 'c')]);

    expect(results.map(({ status }) => status)).toContain('rejected');
    await expect(write(database, 'y'.repeat(100_000))).rejects.toMatchObject({
      code: 'plane_busy',
      message: expect.stringContaining('disk is full'),
    });
    await write(database, 'd');
    const acknowledged = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [['b', 'x', 'c'][index]] : []));
    expect(notesIn(database)).toEqual(['a', ...acknowledged, 'd']);
  });

  test('does not ring for a commit that failed', async () => {
    const database = openNotes(await newHome());
    let rung = 0;

    const broken = database.write(() => {
      database.afterCommit(() => {
        rung += 1;
      });
      database.execute('ROLLBACK'); // what SQLite does by itself when the disk is full
      throw new Error('disk full');
    });

    await expect(broken).rejects.toThrow('disk full');
    await write(database, 'a');
    await write(database, 'b'); // by now the first one would have rung
    expect(rung).toBe(0);
  });

  test('with patience shares the commit of the next one', async () => {
    const database = openNotes(await newHome());

    const patient = database.write(() => database.execute("INSERT INTO notes VALUES ('patient')"), 3_600_000);
    await write(database, 'prompt');

    await patient;
    expect(notesIn(database)).toEqual(['patient', 'prompt']);
  });

  test('with patience is committed at its last moment where no other comes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const database = openNotes(await newHome());

    const patient = database.write(() => database.execute("INSERT INTO notes VALUES ('patient')"), 100);
    vi.advanceTimersByTime(99);
    const early = notesIn(database);
    vi.advanceTimersByTime(1);

    await patient;
    expect(early).toEqual([]);
    expect(notesIn(database)).toEqual(['patient']);
  });

  test('that is asked for before closing is kept, and later ones are refused', async () => {
    const home = await newHome();
    const database = openNotes(home);
    const written = write(database, 'a');

    database.close();

    await written;
    await expect(write(database, 'b')).rejects.toThrow('closed');
    expect(notesIn(openNotes(home))).toEqual(['a']);
  });

  test('of many is committed in portions, in order', async () => {
    const database = openNotes(await newHome());
    const texts = Array.from({ length: 1_200 }, (_, index) => `note ${index}`);

    await Promise.all(texts.map((text) => write(database, text)));

    expect(notesIn(database)).toEqual(texts);
  });
});

describe('a home', () => {
  test('is made where there is none, and syncs every commit to the disk', async () => {
    const database = openNotes(join(await newHome(), 'deep', 'home'));

    expect(database.row(pragmaSchema, 'SELECT journal_mode AS value FROM pragma_journal_mode')).toEqual({ value: 'wal' });
    expect(database.row(pragmaSchema, 'SELECT synchronous AS value FROM pragma_synchronous')).toEqual({ value: 2 }); // 2 is FULL
  });

  test('of an older format is brought to the newest, with what is in it', async () => {
    const home = await newHome();
    const older = openNotes(home);
    await write(older, 'a');
    older.close();

    const newer = SqliteDatabase.open(home, [NOTES, "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'anna'"]);
    onTestFinished(() => newer.close());

    expect(newer.rows(z.object({ text: z.string(), author: z.string() }), 'SELECT text, author FROM notes')).toEqual([
      { text: 'a', author: 'anna' },
    ]);
  });

  test('stays as it was where a step to a newer format fails', async () => {
    const home = await newHome();
    const older = openNotes(home);
    await write(older, 'a');
    older.close();

    expect(() => SqliteDatabase.open(home, [NOTES, 'DELETE FROM notes; SELECT nonsense'])).toThrow(/nonsense/);

    expect(notesIn(openNotes(home))).toEqual(['a']);
  });

  test('of a newer version is refused in a sentence, and not touched', async () => {
    const home = await newHome();
    SqliteDatabase.open(home).close();
    editFile(home, 'PRAGMA user_version = 99');

    expect(() => SqliteDatabase.open(home)).toThrow(
      /newer Tuneplane \(format 99, this one knows up to \d+\): start that version, or choose another TUNEPLANE_HOME/,
    );
  });

  test('with a file that is no database is refused, naming it', async () => {
    const home = await newHome();
    writeFileSync(join(home, 'tuneplane.sqlite'), 'this is a text, and a long one at that: '.repeat(50));

    expect(() => SqliteDatabase.open(home)).toThrow(/tuneplane\.sqlite is damaged \(.*not a database.*\): restore it/);
  });

  test('with a damaged database is refused', async () => {
    const home = await newHome();
    const database = openNotes(home);
    await Promise.all(Array.from({ length: 500 }, (_, index) => write(database, `note ${index}`)));
    database.close();
    const file = openSync(join(home, 'tuneplane.sqlite'), 'r+');
    writeSync(file, Buffer.alloc(4_096, 'x'), 0, 4_096, 3 * 4_096); // the fourth page
    closeSync(file);

    expect(() => openNotes(home)).toThrow(/is damaged/);
  });
});
