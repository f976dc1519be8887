/** A home's database as SQL text, for a fixture: `node test/support/dump-home.ts <home> > test/fixtures/home-format-<n>.sql`. */
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

/** One line each, as fixtures have them: tables and indexes, rows, triggers last (the rows that they made are among those inserted). */
export function dumpDatabase(connection: DatabaseSync): string {
  const version = connection.prepare('PRAGMA user_version').get()?.user_version;
  const schema = connection
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    .all();
  const rows = schema
    .filter(({ type }) => type === 'table')
    .flatMap(({ name }) =>
      connection
        .prepare(`SELECT * FROM ${name}`)
        .all()
        .map((row) => `INSERT INTO ${name} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).map(toLiteral).join(', ')});`),
    );
  const triggers = schema.filter(({ type }) => type === 'trigger');
  const others = schema.filter(({ type }) => type !== 'trigger');
  return [
    ...others.map(({ sql }) => `${sql};`),
    ...rows,
    ...triggers.map(({ sql }) => `${sql};`),
    `PRAGMA user_version = ${version};\n`,
  ].join('\n');
}

function toLiteral(value: SQLOutputValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

const home = process.argv[2];
if (import.meta.main && home !== undefined) {
  process.stdout.write(dumpDatabase(new DatabaseSync(join(home, 'tuneplane.sqlite'), { readOnly: true })));
}
