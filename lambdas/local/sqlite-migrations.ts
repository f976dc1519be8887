/**
 * The format of a home's database, as the list of steps that lead to it: format n (`PRAGMA user_version`) is what the first n steps make.
 * A step never changes once it is released, because homes out there have taken it; a new format is a new step at the end.
 */
import type { DatabaseSync } from 'node:sqlite';

const FORMAT_1 = `
  CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    provider TEXT NOT NULL,
    project_id TEXT NOT NULL,
    api TEXT NOT NULL,
    record TEXT NOT NULL,
    progress TEXT,
    progress_attempt INTEGER NOT NULL DEFAULT 0,
    progress_sequence INTEGER NOT NULL DEFAULT -1
  ) STRICT;
  CREATE INDEX runs_by_group ON runs (state, provider, project_id, api, id);

  -- How many runs each combination holds. Triggers keep it, so that no statement can forget to.
  CREATE TABLE run_groups (
    state TEXT NOT NULL,
    provider TEXT NOT NULL,
    project_id TEXT NOT NULL,
    api TEXT NOT NULL,
    runs INTEGER NOT NULL,
    PRIMARY KEY (state, provider, project_id, api)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER run_enters AFTER INSERT ON runs BEGIN
    INSERT INTO run_groups VALUES (NEW.state, NEW.provider, NEW.project_id, NEW.api, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER run_moves AFTER UPDATE OF state, provider, project_id, api ON runs
  WHEN (OLD.state, OLD.provider, OLD.project_id, OLD.api) IS NOT (NEW.state, NEW.provider, NEW.project_id, NEW.api) BEGIN
    UPDATE run_groups SET runs = runs - 1
      WHERE state = OLD.state AND provider = OLD.provider AND project_id = OLD.project_id AND api = OLD.api;
    DELETE FROM run_groups
      WHERE state = OLD.state AND provider = OLD.provider AND project_id = OLD.project_id AND api = OLD.api AND runs = 0;
    INSERT INTO run_groups VALUES (NEW.state, NEW.provider, NEW.project_id, NEW.api, 1) ON CONFLICT DO UPDATE SET runs = runs + 1;
  END;
  CREATE TRIGGER run_leaves AFTER DELETE ON runs BEGIN
    UPDATE run_groups SET runs = runs - 1
      WHERE state = OLD.state AND provider = OLD.provider AND project_id = OLD.project_id AND api = OLD.api;
    DELETE FROM run_groups
      WHERE state = OLD.state AND provider = OLD.provider AND project_id = OLD.project_id AND api = OLD.api AND runs = 0;
  END;

  -- position is the order of commit, chosen on insertion so that it lies above the outbox's also after removals.
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_run ON events (run_id, sequence);

  -- One row: everything up to this position has been handed over.
  CREATE TABLE outbox (delivered_position INTEGER NOT NULL) STRICT;
  INSERT INTO outbox VALUES (0);

  CREATE TABLE documents (
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (collection, id)
  ) STRICT;

  -- No index by age: it would cost every create a page, and serve one hourly walk.
  CREATE TABLE answers (
    scope TEXT NOT NULL PRIMARY KEY,
    body_hash TEXT NOT NULL,
    answer TEXT,
    begun_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** `runs.state` becomes the standing: it tells a run that tries again from one that never ran. */
const FORMAT_2 = `
  UPDATE runs SET state = state || '-again' WHERE state IN ('queued', 'initializing') AND json_extract(record, '$.startedAt') IS NOT NULL;

  -- Names that belong to one run: job names for ever, a run folder until the run in it is over.
  CREATE TABLE run_names (
    name TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

const FORMAT_3 = `
  -- Where each 1,000 lines of a run's log begin in time.
  CREATE TABLE log_chunks (
    run_id TEXT NOT NULL,
    first_at TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    PRIMARY KEY (run_id, first_at, attempt, chunk)
  ) STRICT, WITHOUT ROWID;
`;

export const MIGRATIONS: readonly string[] = [FORMAT_1, FORMAT_2, FORMAT_3];

/**
 * Takes the steps that a database has not taken yet, each in a transaction of its own: a crash leaves a whole older format.
 * @throws Error where the file is of a newer format than these steps lead to; nothing is changed then
 */
export function migrate(connection: DatabaseSync, path: string, migrations: readonly string[]): void {
  const present = Number(connection.prepare('PRAGMA user_version').get()?.user_version);
  if (present > migrations.length) {
    throw new Error(
      `${path} was written by a newer Tuneplane (format ${present}, this one knows up to ${migrations.length}): ` +
        'start that version, or choose another TUNEPLANE_HOME',
    );
  }
  for (const [index, step] of migrations.entries()) {
    if (index < present) continue;
    connection.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
