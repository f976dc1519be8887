import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { EPOCH } from '../support/builders.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const CREATE_RUNS_FOREVER = fileURLToPath(new URL('../support/create-runs-forever.ts', import.meta.url));
const KILLS = 3;
const ACKNOWLEDGED_BEFORE_KILL = 300;
const LINE_CHARACTERS = 'run_01jgz3vk00e0080000000000a1\n'.length;

/** Starts the process and kills it in the middle of its work. @returns the ids that it acknowledged */
async function createUntilKilled(home: string): Promise<string[]> {
  const child = spawn(process.execPath, [CREATE_RUNS_FOREVER, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.length >= ACKNOWLEDGED_BEFORE_KILL * LINE_CHARACTERS) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  return output.split('\n').slice(0, -1); // what follows the last line end was not acknowledged
}

test('keeps every acknowledged run, with its event, through kill -9', async () => {
  // given a process that was killed while it created runs, several times over
  const home = await makeTemporaryFolder();
  onTestFinished(home.remove);
  const acknowledged: string[] = [];
  for (let kill = 0; kill < KILLS; kill++) acknowledged.push(...(await createUntilKilled(home.path)));

  // when the home is opened again
  const database = SqliteDatabase.open(home.path);
  onTestFinished(() => database.close());
  const runs = new SqliteRunStore(database, { clock: { now: () => EPOCH } });

  // then nothing acknowledged is missing, no run is there by half, and the counts are right
  expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * ACKNOWLEDGED_BEFORE_KILL);
  const present = new Set((await runs.unfinished()).map(({ id }) => id));
  expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
  for (const id of present) expect(await runs.events(id, 0, 10)).toHaveLength(1);
  expect(await runs.count({})).toBe(present.size);
  expect((await runs.undelivered(100_000)).length).toBe(present.size);
});
