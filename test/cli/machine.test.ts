/** What runs on this machine: start, quickstart and ask, with an engine and a model that need no torch. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { CommandProcess, readAnswer, until } from '../support/command-line.ts';
import { ScriptedPlane, scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Processes start slowly on a machine that others use, too. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});
async function makeFolder(): Promise<string> {
  const { path, remove } = await makeTemporaryFolder();
  cleanUp.push(remove);
  return path;
}

/** A Python that says how it was called, in place of the trainer's. */
function fakePython(folder: string): string {
  const path = join(folder, 'python');
  writeFileSync(path, '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  return path;
}

test('start takes its settings from flags before variables, says where it is, and ends at SIGTERM with 0', async () => {
  const folder = await makeFolder();
  const plane = new CommandProcess(['start', '--home', join(folder, 'other'), '--port', '0'], scriptedVariables(folder, {}), folder);
  await until(() => plane.output.includes('/projects'), `it is up: ${plane.errors}`);

  plane.signal('SIGTERM');

  expect(await plane.ended()).toBe(0);
  expect(plane.output).toMatch(/^Tuneplane is on http:\/\/127\.0\.0\.1:\d+ {3}\(state in .*\/other\)\n {2}look/);
});

test('a plane that is left while a run trains says that the run goes on', async () => {
  const folder = await makeFolder();
  const variables = scriptedVariables(folder, { stepSeconds: 0.05 });
  const plane = new CommandProcess(['start'], variables, folder);
  await until(() => plane.output.includes('/projects'), `it is up: ${plane.errors}`);
  const url = /on (http:\S+)/.exec(plane.output)?.[1] ?? '';
  const started = new CommandProcess(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '60', '-d', '--json'], {
    TUNEPLANE_URL: url,
  });
  await started.ended();

  plane.signal('SIGINT');
  const code = await plane.ended();
  const second = new CommandProcess(['start', '--json'], variables, folder);
  await until(() => second.output.includes('}'), `it is up again: ${second.errors}`);

  expect(code).toBe(0);
  expect(plane.errors).toContain('the plane is down; 1 run goes on, and "npm start" takes it up again');
  const { url: again, unfinished_runs } = readAnswer('start', second.output);
  expect(unfinished_runs).toBe(1);
  const attached = new CommandProcess(['attach', 'last'], { TUNEPLANE_URL: again });
  expect(await attached.ended()).toBe(0);
  second.signal('SIGTERM');
  expect(await second.ended()).toBe(0);
});

test('quickstart starts a plane, trains through its API, shows what was learned, and ends with 0', async () => {
  const folder = await makeFolder();
  const { TUNEPLANE_DATA_ROOT: _, ...variables } = scriptedVariables(folder, { steps: 5 });

  const command = new CommandProcess(['quickstart', '--exit'], variables, folder);

  expect(await command.ended()).toBe(0);
  expect(command.output).toMatch(/POST \/api\/sft\/train -> run_\w{26}\ncurl http/);
  expect(command.output).toContain('Held-out requests, answered by the base and by the tuned model:');
  expect(command.output).toMatch(/SHA-256 {5}[0-9a-f]{64}/);
  expect(command.output).toMatch(/Ask it something: {2}npm run ask -- run_\w{26} /);
});

test('a quickstart that fails says why, and ends with 1', async () => {
  const folder = await makeFolder();
  const script = { faults: [{ kind: 'fail', step: 2, code: 'disk_full', message: 'no space left on device' }] };
  const { TUNEPLANE_DATA_ROOT: _, ...variables } = scriptedVariables(folder, script);

  const command = new CommandProcess(['quickstart', '--exit'], variables, folder);

  expect(await command.ended()).toBe(1);
  expect(command.errors).toMatch(/failed: disk_full\n {2}no space left on device\n {2}remedy: /);
});

test('ask takes the adapter from the home, without a plane', async () => {
  const folder = await makeFolder();
  const runId = 'run_01jd0000000000000000000000';
  const adapter = join(folder, 'home', 'artifacts', 'runs', runId, 'framework=hf', 'artifacts', runId, 'adapter');
  mkdirSync(adapter, { recursive: true });
  const variables = {
    TUNEPLANE_HOME: join(folder, 'home'),
    TUNEPLANE_TRAINER_PYTHON: fakePython(folder),
    TUNEPLANE_URL: 'http://127.0.0.1:1',
  };

  const command = new CommandProcess(['ask', runId, 'Who?', '--', '-v'], variables, folder);

  expect(await command.ended()).toBe(0);
  expect(command.output.trim().split('\n')).toEqual([
    '-m',
    'trainer.ask',
    '--adapter',
    adapter,
    '--cache',
    join(folder, 'home', 'cache'),
    '--',
    'Who?',
    '-v',
  ]);
});

test('ask fetches the adapter of a run that is elsewhere, once', async () => {
  const plane = await ScriptedPlane.start();
  cleanUp.push(() => plane.close());
  const id = await plane.startJob({ max_steps: 1 });
  await plane.jobWhenDone(id);
  const folder = await makeFolder();
  const variables = { TUNEPLANE_URL: plane.url, TUNEPLANE_TRAINER_PYTHON: fakePython(folder), XDG_CACHE_HOME: join(folder, 'cache') };

  const first = new CommandProcess(['ask', 'last', 'Who?', '--json'], variables, folder);
  const code = await first.ended();
  const second = new CommandProcess(['ask', id, 'Who?', '--debug'], variables, folder);
  await second.ended();

  expect(code).toBe(0);
  expect(first.output).toContain(`${join(folder, 'cache', 'tuneplane', 'results', id, 'adapter')}\n`);
  expect(first.output).toContain('--json\n');
  expect(second.errors).not.toContain('/artifacts/adapter/');
});

test.each([
  [['ask', 'nonsense', 'Who?'], 2, "'nonsense' is no run id"],
  [['ask', 'run_01jd0000000000000000000000', 'Who?'], 1, 'has no adapter in'],
  [['ask', 'run_01jd0000000000000000000000'], 2, "missing required argument 'question'"],
])('%j ends with %d and says why', async (words, code, sentence) => {
  const folder = await makeFolder();

  const command = new CommandProcess(words, { TUNEPLANE_URL: 'http://127.0.0.1:1' }, folder);

  expect(await command.ended()).toBe(code);
  expect(command.errors).toContain(sentence);
});

test('deploy ends as the deployment does, whose own words stand above; the answer is for the answer alone', async () => {
  const command = new CommandProcess(['deploy', 'No Stage', '--json'], { PATH: process.env['PATH'] ?? '' });

  expect(await command.ended()).toBe(1);

  expect(command.output).toBe('');
  expect(command.errors).toContain("the name of a stage must be lower-case letters, digits and '-', at most 20, got 'No Stage'");
  expect(command.errors).toContain('"code":"deploy_failed"');
});
