/** A home's database as SQL text, for a fixture: `node test/support/dump-home.ts <home> > test/fixtures/home-format-<n>.sql`. */
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';

function literal(value: SQLOutputValue | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

function dump(connection: DatabaseSync): string[] {
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
        .map((row) => `INSERT INTO ${name} (${Object.keys(row).join(', ')}) VALUES (${Object.values(row).map(literal).join(', ')});`),
    );
  const made = (kind: (type: unknown) => boolean): string[] => schema.filter(({ type }) => kind(type)).map(({ sql }) => `${sql};`);
  // Triggers last: the rows that they made are among those inserted.
  return [...made((type) => type !== 'trigger'), ...rows, ...made((type) => type === 'trigger'), `PRAGMA user_version = ${version};`];
}

const home = process.argv[2];
if (home === undefined) throw new Error('usage: dump-home.ts <home>');
console.log(dump(new DatabaseSync(join(home, 'tuneplane.sqlite'), { readOnly: true })).join('\n'));
