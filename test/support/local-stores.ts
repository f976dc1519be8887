import { SqliteAnswerStore } from '#local/sqlite-answer-store.ts';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteDocumentStore } from '#local/sqlite-document-store.ts';
import { SqliteLogIndex } from '#local/sqlite-log-index.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { EPOCH } from './builders.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

/** The three stores over one database in a new home, removed when it is closed. */
export async function openLocalStores({ onEvents = () => {} }: { readonly onEvents?: () => void } = {}) {
  const home = await makeTemporaryFolder();
  const database = SqliteDatabase.open(home.path);
  const clock = { now: () => EPOCH };
  return {
    home: home.path,
    database,
    runs: new SqliteRunStore(database, { clock, onEvents }),
    documents: new SqliteDocumentStore(database, { clock }),
    answers: new SqliteAnswerStore(database),
    logIndex: new SqliteLogIndex(database),
    close: async () => {
      database.close();
      await home.remove();
    },
  };
}
