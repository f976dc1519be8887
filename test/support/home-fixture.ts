/** A home with one of everything, as SQL text: `node test/support/home-fixture.ts > test/fixtures/home-format-<n>.sql`, before a format is released. */
import { join } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { anEvent, aProgress, aRun, EPOCH } from './builders.ts';
import { openLocalStores } from './local-stores.ts';

async function fillHome({ runs, documents, answers }: Awaited<ReturnType<typeof openLocalStores>>): Promise<void> {
  const run = aRun({ id: 'run_01jgz3vk00e0080000000000a1', name: "a poet's run" });
  const answer = { status: 200, headers: { 'content-type': 'application/json' }, body: `{"job_id":"${run.id}"}` };
  await runs.create(run, [anEvent(run)], { scope: 'anna POST /api/sft/train key-1', bodyHash: 'a'.repeat(64), answer });
  const running = { ...run, version: 2, state: 'running' } as const;
  await runs.change(running, 1, [anEvent(running)]);
  await runs.recordProgress(run.id, aProgress());
  const failed = aRun({ id: 'run_01jgz3vk00e0080000000000a2', api: 'management', projectId: 'proj_poems', state: 'failed' });
  await runs.create(failed, [anEvent(failed)]);
  await runs.markDelivered(await runs.undelivered(1));
  await documents.put('sft-configs', 'cfg_01jgz3vk00e0080000000000c1', { name: 'poems', config: { base_model: 'tiny-llama' } });
  await answers.begin({ scope: 'anna POST /api/sft/jobs/x/stop key-2', bodyHash: 'b'.repeat(64) }, EPOCH, EPOCH);
}

/** Tables and indexes, rows, triggers last: the rows that they made are among those inserted. */
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

if (import.meta.main) {
  const stores = await openLocalStores();
  await fillHome(stores);
  process.stdout.write(dumpDatabase(new DatabaseSync(join(stores.home, 'tuneplane.sqlite'), { readOnly: true })));
  await stores.close();
}
