/** Following a run while the plane goes away and comes back: nothing is lost, nothing comes twice, and the command says what it waits for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { CommandProcess, readAnswer, until } from '../support/command-line.ts';
import { freePort } from '../support/free-port.ts';
import { PlaneProcess } from '../support/plane-process.ts';
import { scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Each takes ten seconds where nobody else works, and starts a handful of processes. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** A plane of its own process, which can be killed and started again on the same port. */
async function startPlane(script: Readonly<Record<string, unknown>>) {
  const { path, remove } = await makeTemporaryFolder();
  cleanUp.push(remove);
  const variables: Record<string, string> = { ...scriptedVariables(path, script), PORT: String(await freePort()) };
  let plane = await PlaneProcess.start(variables);
  cleanUp.push(() => plane.kill('SIGTERM'));
  return {
    url: plane.url,
    variables: { TUNEPLANE_URL: plane.url },
    home: variables['TUNEPLANE_HOME'] ?? '',
    kill: () => plane.kill('SIGKILL'),
    start: async () => {
      plane = await PlaneProcess.start(variables);
    },
  };
}

/** Every line that the trainer logged, as it lies in the run's folder. */
function storedLines(home: string, runId: string, attempts: number): string[] {
  const folder = join(home, 'artifacts', 'runs', runId, 'framework=hf', 'logs');
  return Array.from({ length: attempts }, (_, index) => `${runId}-${String(index + 1).padStart(4, '0')}-00000001.jsonl`)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line) => String(Object(JSON.parse(line)).message));
}

const RUN = ['--base', 'tiny-llama', '--data', './rows.jsonl'];
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

test('train goes on through kills of the plane: every line once, and the exit code of the run', async () => {
  const plane = await startPlane({ stepSeconds: 0.05, noiseLines: 3 });
  const command = new CommandProcess(['train', ...RUN, '--max-steps', '120'], plane.variables);

  for (const step of ['step 10/', 'step 50/']) {
    await until(() => command.output.includes(step), `${step} is printed: ${command.errors}`);
    const before = command.errors.length; // before the kill: it is noticed at once
    await plane.kill();
    await until(() => command.errors.slice(before).includes('waiting for it; runs go on meanwhile'), 'it says that it waits');
    await plane.start();
    await until(() => command.errors.slice(before).includes('the plane answers again'), 'it says that the plane is back');
  }
  const code = await command.ended();

  const id = /(run_\w{26}) completed/.exec(command.output)?.[1] ?? '';
  const stored = storedLines(plane.home, id, 1);
  expect(code).toBe(0);
  expect(stored.filter((line) => line.startsWith('noise '))).toHaveLength(360);
  expect(linesOf(command.output).slice(0, stored.length)).toEqual(stored);
  expect(command.errors.match(/waiting for it/g)).toHaveLength(2);
});

test('logs -f and events -f of a run whose trainer is lost too: lines of all attempts, events in order, each once', async () => {
  const plane = await startPlane({ stepSeconds: 0.05, saveSteps: 10, faults: [{ kind: 'kill', step: 45, attempts: [1] }] });
  const started = new CommandProcess(['train', ...RUN, '--max-steps', '80', '-d', '--json'], plane.variables);
  await started.ended();
  const id = readAnswer('train', started.output).run?.id ?? '';
  const logs = new CommandProcess(['logs', '-f', id, '--json'], plane.variables);
  const events = new CommandProcess(['events', '-f', id, '--json'], plane.variables);

  await until(() => logs.output.includes('step 20/80'), `step 20 is logged: ${logs.errors}`);
  await plane.kill();
  await until(() => [logs, events].every(({ errors }) => errors.includes('waiting for it')), 'both say that they wait');
  await plane.start();
  const codes = await Promise.all([logs.ended(), events.ended()]);

  const lines = linesOf(logs.output).map((line) => readAnswer('logs', line));
  const seen = linesOf(events.output).map((line) => readAnswer('events', line));
  expect(codes).toEqual([0, 0]);
  expect(lines.map(({ line }) => line)).toEqual(lines.map((_, index) => index + 1));
  expect(lines.map(({ message }) => message)).toEqual(storedLines(plane.home, id, 2));
  expect(new Set(lines.map(({ attempt }) => attempt))).toEqual(new Set([1, 2]));
  expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
  expect(seen.at(-1)).toMatchObject({ state: 'completed' });
});

test.each([
  ['SIGINT', ['train', ...RUN, '--max-steps', '5000']],
  ['SIGTERM', ['train', ...RUN, '--max-steps', '5000']],
] as const)('%s leaves a run alone: 130, how to come back, and the run trains on', async (signal, words) => {
  const plane = await startPlane({ stepSeconds: 0.02 });
  const command = new CommandProcess(words, plane.variables);
  await until(() => command.output.includes('step 5/'), `it trains: ${command.errors}`);

  command.signal(signal);
  const code = await command.ended();

  const id = /left (run_\w{26}), which goes on/.exec(command.errors)?.[1] ?? '';
  expect(code).toBe(130);
  expect(command.errors).toContain(`tuneplane attach ${id}`);
  const again = new CommandProcess(['attach', id, '--tail', '0'], plane.variables);
  await until(() => /step \d+\/5000 loss/.test(again.output), `it trains on: ${again.errors}`);
  const stop = new CommandProcess(['stop', id, '--wait'], plane.variables);
  expect(await Promise.all([stop.ended(), again.ended()])).toEqual([0, 3]);
});

test('logs -f, ps -w and events -f end with 130 at Ctrl-C, also while the plane is away', async () => {
  const plane = await startPlane({ stepSeconds: 0.05 });
  const started = new CommandProcess(['train', ...RUN, '--max-steps', '5000', '-d', '--json'], plane.variables);
  await started.ended();
  const id = readAnswer('train', started.output).run?.id ?? '';
  const commands = [
    ['logs', '-f', id],
    ['ps', '-w', '--every', '1'],
    ['events', '-f', id],
  ].map((words) => new CommandProcess(words, plane.variables));
  await until(() => commands.every(({ output }) => output.includes('\n')), 'each has printed something');

  await plane.kill();
  await until(() => commands.every(({ errors }) => errors.includes('waiting for it')), 'each says that it waits');
  for (const command of commands) command.signal('SIGINT');

  expect(await Promise.all(commands.map((command) => command.ended()))).toEqual([130, 130, 130]);
  await plane.start();
  const stop = new CommandProcess(['stop', id, '--wait'], plane.variables);
  expect(await stop.ended()).toBe(0);
});

test('ps -w --json answers a line each time that something changed', async () => {
  const plane = await startPlane({ stepSeconds: 0.05 });
  const watch = new CommandProcess(['ps', '-w', '--every', '1', '--json'], plane.variables);
  await until(() => watch.output.includes('\n'), `it has answered: ${watch.errors}`);
  const started = new CommandProcess(['train', ...RUN, '--max-steps', '60', '-d'], plane.variables);
  await started.ended();

  await until(() => linesOf(watch.output).some((line) => line.includes('"state":"running"')), 'the run is seen to run');
  await until(() => linesOf(watch.output).at(-1) === '{"items":[],"total":0}', 'and to be over');
  watch.signal('SIGINT');

  expect(await watch.ended()).toBe(130);
  const answers = linesOf(watch.output).map((line) => readAnswer('ps', line));
  expect(answers[0]).toEqual({ items: [], total: 0 });
  expect(new Set(answers.map((value) => JSON.stringify(value))).size).toBeGreaterThan(2);
});

test('a reader that has seen enough ends the command quietly', async () => {
  const plane = await startPlane({ noiseLines: 200 });
  const started = new CommandProcess(['train', ...RUN, '--max-steps', '100', '--json'], plane.variables);
  await started.ended();
  const { execFileSync } = await import('node:child_process');

  const printed = execFileSync(
    'bash',
    ['-c', '"$NODE" --disable-warning=ExperimentalWarning bin/tuneplane.ts logs last | head -n 1; echo "$PIPESTATUS"'],
    {
      cwd: join(import.meta.dirname, '..', '..'),
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', NODE: process.execPath, ...plane.variables },
      encoding: 'utf8',
    },
  );

  expect(linesOf(printed)).toHaveLength(2);
  expect(linesOf(printed)[1]).toBe('0');
});
