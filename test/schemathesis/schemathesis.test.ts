/** The served document against the plane that serves it: every operation, valid and invalid data, single calls and chains of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ScriptedPlane } from '../support/scripted-plane.ts';

const FOLDER = import.meta.dirname;
const TOKEN = 'of-the-fuzzer';
/** The first run keeps the only place for days: nothing else that is created starts a trainer. */
const SCRIPT = { steps: 1_000_000, stepSeconds: 1 };
const VARIABLES = { TUNEPLANE_MAX_RUNS: '1', TRAINER_API_TOKEN: TOKEN, TUNEPLANE_SECRETS: 'hf-team=A_SECRET', A_SECRET: 'x' };

test('schemathesis finds nothing', { timeout: 900_000 }, async () => {
  await using plane = await ScriptedPlane.start(SCRIPT, VARIABLES);
  const args = ['run', `${plane.url}/openapi.json`, '-H', `Authorization: Bearer ${TOKEN}`, '--no-color'];
  const child = spawn(join(FOLDER, '.venv', 'bin', 'schemathesis'), args, {
    cwd: FOLDER,
    env: { PATH: process.env['PATH'], SCHEMATHESIS_HOOKS: 'hooks' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);

  expect(output).toMatch(/[1-9]\d{3,} generated/); // thousands: a run that tested nothing would find nothing
  expect(code, output).toBe(0);
});
