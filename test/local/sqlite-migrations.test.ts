/** Homes of every format that was ever released open, and hold what they held. A fixture is never changed: the homes out there are not either. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteAnswerStore } from '#local/sqlite-answer-store.ts';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteDocumentStore } from '#local/sqlite-document-store.ts';
import { MIGRATIONS, migrate } from '#local/sqlite-migrations.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { anEvent, EPOCH } from '../support/builders.ts';
import { dumpDatabase } from '../support/home-fixture.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const FORMATS = MIGRATIONS.map((_, index) => index + 1);

const readFixture = (format: number): Promise<string> =>
  readFile(join(import.meta.dirname, `../fixtures/home-format-${format}.sql`), 'utf8');

async function openHomeOfFormat(format: number): Promise<SqliteDatabase> {
  const home = await makeTemporaryFolder();
  onTestFinished(home.remove);
  const connection = new DatabaseSync(join(home.path, 'tuneplane.sqlite'), { enableForeignKeyConstraints: false });
  connection.exec(await readFixture(format));
  connection.close();
  const database = SqliteDatabase.open(home.path);
  onTestFinished(() => database.close());
  return database;
}

test.each(FORMATS)('opens a home of format %i with all that it held, and works on in it', async (format) => {
  const database = await openHomeOfFormat(format);
  const clock = { now: () => EPOCH };
  const runs = new SqliteRunStore(database, { clock });
  const documents = new SqliteDocumentStore(database, { clock });
  const answers = new SqliteAnswerStore(database);

  // what it held
  const [failed, running] = await runs.list({}, 10);
  if (!failed || !running) throw new Error('the runs are not there');
  expect([running.run.name, running.run.state, running.progress?.step]).toEqual(["a poet's run", 'running', 5]);
  expect([failed.run.api, failed.run.projectId, failed.run.state, failed.progress]).toEqual(['management', 'proj_poems', 'failed', null]);
  expect((await runs.events(running.run.id, 0, 10)).map(({ type }) => type)).toEqual(['run-created', 'state-changed']);
  expect((await runs.undelivered(10)).map(({ runId, sequence }) => [runId, sequence])).toEqual([
    [running.run.id, 2],
    [failed.run.id, 1],
  ]);
  expect([await runs.count({}), await runs.count({ state: ['running'] }), await runs.count({ api: 'management' })]).toEqual([2, 1, 1]);
  expect((await documents.list('sft-configs', 10)).map(({ value }) => value.name)).toEqual(['poems']);
  expect((await answers.find('anna POST /api/sft/train key-1'))?.answer?.status).toBe(200);
  expect((await answers.find('anna POST /api/sft/jobs/x/stop key-2'))?.answer).toBeNull();

  // works on in it
  const next = { ...running.run, version: 3, state: 'stopping' } as const;
  await runs.change(next, 2, [anEvent(next)]);
  expect([await runs.count({ state: ['running'] }), await runs.count({ state: ['stopping'] })]).toEqual([0, 1]);
  expect(await runs.undelivered(10)).toHaveLength(3);
});

test.each(FORMATS)('still takes the steps to format %i that were released', async (format) => {
  const connection = new DatabaseSync(':memory:');
  onTestFinished(() => connection.close());
  migrate(connection, 'a new file', MIGRATIONS.slice(0, format));

  const schemaOf = (dump: string): string => dump.replaceAll(/^INSERT INTO .*;\n/gm, '');

  expect(schemaOf(dumpDatabase(connection))).toBe(schemaOf(await readFixture(format)));
});
