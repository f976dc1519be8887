/**
 * The main job, for real: `npm run quickstart` in a new home builds the base, fine-tunes it and shows what it learned; then a plane on
 * that home serves the Python example, which follows a second run and loads its adapter. Two trainer starts and one import of PEFT.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlaneProcess } from '../support/plane-process.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const PYTHON = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
const LIMIT_MILLIS = 600_000;
const run = promisify(execFile);

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
});
afterAll(() => folder.remove());

const variables = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  PORT: '0',
  TUNEPLANE_HOME: join(folder.path, 'home'),
});

test('quickstart: the base answers none of the held-out requests, the tuned model at least eight of ten new pairs', {
  timeout: LIMIT_MILLIS,
}, () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'bin/tuneplane.ts', 'quickstart', '--exit'],
    {
      cwd: REPOSITORY,
      env: variables(),
      encoding: 'utf8',
    },
  );

  expect(status, stdout + stderr).toBe(0);
  const [, base = '', tuned = ''] = /new pairs of known words\s+(\d+)\/10\s+(\d+)\/10/.exec(stdout) ?? [];
  expect(base, stdout).toBe('0');
  expect(Number(tuned), stdout).toBeGreaterThanOrEqual(8);
  for (const shown of [
    /building tiny-llama \(once\)/,
    /importing: torch, transformers, TRL/,
    /step \d+\/300 {2}loss/,
    /train loss {2}0\.\d+/,
    /eval loss {2}0\.\d+/,
    /SHA-256 {5}[0-9a-f]{64}/,
  ]) {
    expect(stdout).toMatch(shown);
  }
  expect(existsSync(join(REPOSITORY, 'outputs', 'quickstart', 'adapter', 'adapter_model.safetensors'))).toBe(true);
});

test('the Python example submits, follows, plots, loads the adapter and asks', { timeout: LIMIT_MILLIS }, async () => {
  mkdirSync(join(folder.path, 'outputs'), { recursive: true });
  const plane = await PlaneProcess.start({ ...variables(), TUNEPLANE_DATA_ROOT: REPOSITORY });

  const { stdout } = await run(PYTHON, ['examples/python/fine_tune.py'], {
    cwd: REPOSITORY,
    env: { ...variables(), TUNEPLANE_URL: plane.url, OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1', MPLCONFIGDIR: folder.path },
  });
  await plane.kill('SIGTERM');

  expect(stdout).toMatch(/base {3}Sure, I will turn off the lamp in the studio\./);
  expect(stdout).toMatch(/tuned {2}\{"device": "lamp", "room": "studio", "set": "off"\}/);
  expect(stdout).toMatch(/learning_rate=0\.003 \(default of tiny-llama/);
  expect(existsSync(join(REPOSITORY, 'outputs', 'python_example', 'loss.png'))).toBe(true);
});
