/** A process that creates runs in a home as fast as it can, several at once, and prints each id once its create has resolved. It ends by being killed. */
import { makeId } from '#domain/ids.ts';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { anEvent, aRun } from './builders.ts';

const home = process.argv[2];
if (home === undefined) throw new Error('usage: create-runs-forever.ts <home>');
const runs = new SqliteRunStore(SqliteDatabase.open(home), { clock: { now: Date.now } });

async function createForever(): Promise<never> {
  for (;;) {
    const run = aRun({ id: makeId('run', Date.now()) });
    await runs.create(run, [anEvent(run)]);
    process.stdout.write(`${run.id}\n`);
  }
}
for (let worker = 0; worker < 8; worker++) void createForever();
