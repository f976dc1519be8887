/** Every command on a real plane: what it says to people, and its JSON against its schema. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ANSWERS } from '../../cli/answers.ts';
import { callCommand, type Ran, readAnswer } from '../support/command-line.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let plane: ScriptedPlane;
let folder: { path: string; remove: () => Promise<void> };
/** completed, with checkpoints at 4 and 8 of 8 steps */
let done: string;

const call = (...words: string[]): Promise<Ran> =>
  callCommand(words, { variables: { TUNEPLANE_URL: plane.url, XDG_CONFIG_HOME: join(folder.path, 'config') }, workingFolder: folder.path });
const answer = async <Name extends keyof typeof ANSWERS>(name: Name, ...words: string[]) => {
  const { code, output, errors } = await call(...words, '--json');
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${errors}`);
  return readAnswer(name, output);
};
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  plane = await ScriptedPlane.start({ noiseLines: 1, faults: [{ kind: 'levels', step: 3 }] });
  done = await plane.startJob({ max_steps: 8, save_steps: 4 });
  await plane.jobWhenDone(done);
});
afterAll(async () => {
  await plane.close();
  await folder.remove();
});

test('ls lists the newest runs, filtered and paged', async () => {
  const second = await plane.startJob({ max_steps: 1 });
  await plane.jobWhenDone(second);

  const all = await answer('ls', 'ls');
  const page = await answer('ls', 'ls', '-n', '1');
  const next = await answer('ls', 'ls', '-n', '1', '--after', second);
  const failed = await answer('ls', 'ls', '--state', 'failed');
  const both = await answer('ls', 'ls', '--state', 'failed,completed');
  const { output } = await call('ls');

  expect(all.items.map(({ id }) => id)).toEqual([second, done]);
  expect(page).toMatchObject({ items: [{ id: second }], total: 2, next: second });
  expect(next.items.map(({ id }) => id)).toEqual([done]);
  expect(failed.items).toEqual([]);
  expect(both.total).toBe(2);
  expect(lines(output)[0]).toMatch(/^RUN +STATE +STEPS +BASE +DATA +AGE/);
  expect(output).toMatch(new RegExp(`${done} +completed +8/8 100% +tiny-llama +\\./rows.jsonl`));
});

test('ps lists what is under way, and nothing that is over', async () => {
  const live = await plane.startJob({ max_steps: 2_000 });

  const running = await answer('ps', 'ps');
  await answer('stop', 'stop', live, '--wait');
  const { output } = await call('ps');

  expect(running).toMatchObject({ items: [{ id: live }], total: 1 });
  expect(output).toContain('nothing is under way');
});

test('show tells state, progress and every parameter with its reason; last is the newest run', async () => {
  const run = await answer('show', 'show', done);
  const last = await answer('show', 'show', 'last');
  const { output } = await call('show', done);

  expect(run).toMatchObject({ id: done, state: 'completed', parameters: { max_steps: 8 } });
  expect(last.id).toBe((await answer('ls', 'ls', '-n', '1')).items[0]?.id);
  expect(output).toContain('learning_rate=0.003 (default of tiny-llama');
  expect(output).toMatch(/steps +8\/8 100%/);
});

test('logs prints lines, the last of them, those of a level, those with a text, with times', async () => {
  const all = lines((await call('logs', done, '--json')).output).map((line) => readAnswer('logs', line));
  const tail = lines((await call('logs', done, '--tail', '3')).output);
  const loud = lines((await call('logs', done, '--level', 'ERROR')).output);
  const noise = lines((await call('logs', done, '--search', 'NOISE 5')).output);
  const stamped = lines((await call('logs', done, '--tail', '1', '-t')).output);

  expect(all.map(({ line }) => line)).toEqual(all.map((_, index) => index + 1));
  expect(tail).toEqual(all.slice(-3).map(({ message }) => message));
  expect(loud).toEqual(all.filter(({ level }) => level === 'ERROR' || level === 'CRITICAL').map(({ message }) => message));
  expect(loud.length).toBeGreaterThan(0);
  expect(noise).toEqual(['noise 5.0']);
  expect(stamped).toEqual([`${all.at(-1)?.timestamp}  ${all.at(-1)?.message}`]);
});

test('logs of a stretch of time', async () => {
  const all = lines((await call('logs', done, '--json')).output).map((line) => readAnswer('logs', line));
  const middle = all[Math.floor(all.length / 2)]?.timestamp ?? '';

  const since = lines((await call('logs', done, '--since', middle)).output);
  const until = lines((await call('logs', done, '--until', middle)).output);
  const long = lines((await call('logs', done, '--since', '1h')).output);

  expect(since.length + until.length).toBe(all.length);
  expect(since).toEqual(all.filter(({ timestamp }) => timestamp >= middle).map(({ message }) => message));
  expect(long).toHaveLength(all.length);
});

test('logs -f of a run that is over prints all of it, and ends', async () => {
  const { code, output } = await call('logs', '-f', done);

  expect(code).toBe(0);
  expect(output).toBe((await call('logs', done)).output);
});

test('events prints the timeline, each event once and in order', async () => {
  const events = lines((await call('events', '-f', done, '--json')).output).map((line) => readAnswer('events', line));

  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)).toMatchObject({ type: 'state-changed', state: 'completed' });
  expect((await call('events', done)).output).toContain('run-created');
});

test('metrics shows curves, of chosen names and steps', async () => {
  const all = await answer('metrics', 'metrics', done);
  const some = await answer('metrics', 'metrics', done, 'loss', '--from-step', '3', '--to-step', '6', '--points', '2');
  const { output } = await call('metrics', done, 'loss');
  const unknown = await call('metrics', done, 'los');

  expect(all.names).toContain('loss');
  expect(some.series).toMatchObject([{ name: 'loss', total: 4, points: [{ from_step: 3 }, { to_step: 6 }] }]);
  expect(output).toMatch(/loss +[▁-█]{8} +/);
  expect(unknown).toMatchObject({ code: 2, errors: expect.stringMatching(/has no curve 'los'; it has .*loss/) });
});

test('stop, pause and resume do what they say, and can wait until it is so', async () => {
  const id = await plane.startJob({ max_steps: 2_000 });
  await plane.jobWhen(id, ({ progress }) => (progress?.step ?? 0) > 1);

  const paused = await answer('pause', 'pause', id, '--wait');
  const resumed = await answer('resume', 'resume', id, '-d');
  await plane.jobWhen(id, ({ status, waiting }) => status === 'running' && waiting === null);
  const stopped = await answer('stop', 'stop', id, '--wait');
  const again = await call('stop', id);

  expect(paused).toMatchObject([{ id, state: 'paused' }]);
  expect(resumed).toMatchObject({ id, state: 'paused', want: 'run' });
  expect(stopped).toMatchObject([{ id, state: 'stopped', stop_detail: { code: 'stop_requested' } }]);
  expect(again).toMatchObject({ code: 1, errors: expect.stringContaining('stopped') });
});

test('checkpoint has a run save one at once, and go on', async () => {
  const id = await plane.startJob({ max_steps: 2_000 });
  await plane.jobWhen(id, ({ progress }) => (progress?.step ?? 0) > 1);

  const [run] = await answer('checkpoint', 'checkpoint', id, '--wait');
  await answer('stop', 'stop', id, '--wait');

  expect(run).toMatchObject({ id, state: 'running', checkpoints: [{ step: expect.any(Number) }] });
});

test('stop of several stops those that can be, tells of the others, and ends with 1', async () => {
  const live = await plane.startJob({ max_steps: 2_000 });

  const { code, output, errors } = await call('stop', done, live, '--wait');

  expect(code).toBe(1);
  expect(output).toContain(`${live}  stopped`);
  expect(errors).toContain(`${done}: `);
});

test('resume --from starts a new run from a checkpoint, with what is laid over it', async () => {
  const latest = await answer('resume', 'resume', done, '--from', 'latest', '--max-steps', '10', '-d');
  const named = await answer('resume', 'resume', done, '--from', '4', '-d');
  const missing = await call('resume', done, '--from', 'step-000005');
  const noOption = await call('resume', done);
  const changed = await call('resume', done, '--max-steps', '10');

  await Promise.all([latest.id, named.id].map((id) => plane.jobWhenDone(id)));
  expect((await answer('show', 'show', latest.id)).attempts).toMatchObject([{ resumed_from_step: 8 }]);
  expect((await answer('show', 'show', latest.id)).parameters).toMatchObject({ max_steps: 10 });
  expect((await answer('show', 'show', named.id)).attempts).toMatchObject([{ resumed_from_step: 4 }]);
  expect(missing).toMatchObject({
    code: 2,
    errors: expect.stringContaining("no checkpoint 'step-000005'; it has step-000008, step-000004"),
  });
  expect(noOption).toMatchObject({ code: 1, errors: expect.stringContaining('--from latest') });
  expect(changed).toMatchObject({ code: 2, errors: expect.stringContaining('need --from') });
});

test('tag tags an adapter by its run, and a checkpoint by its id; what is tagged is not deleted', async () => {
  const id = await plane.startJob({ max_steps: 2 });
  await plane.jobWhenDone(id);
  const checkpoint = `ckpt_${id.slice('run_'.length)}_000002`;

  const adapter = await answer('tag', 'tag', id, 'candidate', '--notes', 'looks good');
  const kept = await answer('tag', 'tag', checkpoint, 'release');
  const refused = await call('delete', id);

  expect(adapter).toMatchObject({ type: 'adapter', tags: [{ value: 'candidate', notes: 'looks good' }] });
  expect(kept).toMatchObject({ id: checkpoint, tags: [{ value: 'release' }] });
  expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('tagged') });
});

test('delete removes a run that is over', async () => {
  const id = await plane.startJob({ max_steps: 1 });
  await plane.jobWhenDone(id);

  const gone = await answer('delete', 'delete', id);
  const after = await call('show', id);

  expect(gone).toEqual({ deleted: [id] });
  expect(after).toMatchObject({ code: 1, errors: expect.stringContaining(id) });
});

test('gc deletes by age: first what would go, then that, and says what is kept and why', async () => {
  const old = await plane.startJob({ max_steps: 1 });
  const tagged = await plane.startJob({ max_steps: 1 });
  await Promise.all([old, tagged].map((id) => plane.jobWhenDone(id)));
  await call('tag', tagged, 'release');

  const none = await answer('gc', 'gc', '--older-than', '30d');
  const look = await answer('gc', 'gc', '--older-than', '0s', '--dry-run');
  const refused = await callCommand(['gc', '--older-than', '0s'], { variables: { TUNEPLANE_URL: plane.url }, typed: '\n' });
  const still = await call('show', old);

  expect(none).toEqual({ deleted: [], kept: [], dry_run: false });
  expect(look).toMatchObject({
    deleted: expect.arrayContaining([old]),
    kept: expect.arrayContaining([{ id: tagged, reason: expect.stringContaining('tagged') }]),
    dry_run: true,
  });
  expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('[y/N]') });
  expect(still.code).toBe(0);
});

test('artifacts lists results with their files, then checkpoints; ls may be left out', async () => {
  const { items } = await answer('artifacts ls', 'artifacts', 'ls', done);
  const short = await call('artifacts', done);

  expect(items.map(({ type }) => type)).toEqual(expect.arrayContaining(['adapter', 'samples', 'checkpoint']));
  expect(short.output).toContain('adapter/adapter_model.safetensors');
});

test('datasets are stored, listed and looked at; a bad row is named by its line', async () => {
  writeFileSync(join(folder.path, 'poems.jsonl'), '{"text": "one"}\n\n{"text": "two"}\n');
  writeFileSync(join(folder.path, 'rows.json'), JSON.stringify([{ prompt: 'a', completion: 'b' }]));
  writeFileSync(join(folder.path, 'bad.jsonl'), '{"text": "one"}\n{"txt": "two"}\n');

  const stored = await answer('datasets put', 'datasets', 'put', 'poems.jsonl', 'poems');
  const own = await answer('datasets put', 'datasets', 'put', 'rows.json');
  const list = await answer('datasets ls', 'datasets');
  const shown = await answer('datasets show', 'datasets', 'show', 'dataset:poems', '--rows', '1');
  const bad = await call('datasets', 'put', 'bad.jsonl');
  const none = await call('datasets', 'put', 'gone.jsonl');

  expect(stored).toMatchObject({ name: 'poems', rows: 2, format: 'text' });
  expect(own).toMatchObject({ name: expect.stringMatching(/^rows-[0-9a-f]{12}$/), rows: 1, format: 'prompt_completion' });
  expect(list.items.map(({ name }) => name)).toEqual(expect.arrayContaining(['poems', own.name]));
  expect(shown).toMatchObject({ name: 'poems', items: [{ text: 'one' }] });
  expect(bad).toMatchObject({ code: 2, errors: expect.stringContaining('line 2') });
  expect(none).toMatchObject({ code: 2, errors: expect.stringContaining(join(folder.path, 'gone.jsonl')) });
});

test('configs are saved, listed and shown as YAML that train takes', async () => {
  const saved = await answer(
    'configs save',
    'configs',
    'save',
    'nightly',
    '--base',
    'tiny-llama',
    '--data',
    './rows.jsonl',
    '--max-steps',
    '3',
  );
  const longer = await answer('configs save', 'configs', 'save', 'longer', 'nightly', '--max-steps', '4');
  const list = await answer('configs ls', 'configs', 'ls');
  const shown = await answer('configs show', 'configs', 'show', 'longer');
  const { output } = await call('configs', 'show', longer.config_id);
  const wrong = await call('configs', 'save', 'wrong', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '0');

  expect(list.map(({ config_id }) => config_id)).toEqual([longer.config_id, saved.config_id]);
  expect(shown.config).toEqual({ base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 4 });
  expect(output.trim().split('\n').toSorted()).toEqual(['base_model: tiny-llama', 'dataset_name: ./rows.jsonl', 'max_steps: 4']);
  expect(wrong).toMatchObject({ code: 2, errors: expect.stringContaining('max_steps') });
});

test('projects are made, listed and shown, and runs are started in them', async () => {
  const made = await answer(
    'projects create',
    'projects',
    'create',
    'Smart home',
    '--base',
    'tiny-llama',
    '--set',
    'max_steps=2',
    '--set',
    'lora_r=4',
  );
  const list = await answer('projects ls', 'projects');
  const started = await answer('train', 'train', '--project', made.id, '--name', 'first', '--data', './rows.jsonl', '--lora-r', '8', '-d');
  const shown = await answer('projects show', 'projects', 'show', made.id);
  const { output } = await call('projects', 'show', made.id);

  await plane.jobWhenDone(started.run?.id ?? '');
  expect(made).toMatchObject({ name: 'Smart home', default_hyperparameters: { max_steps: 2, lora_r: 4 } });
  expect(list.map(({ id }) => id)).toEqual([made.id, 'proj_default']);
  expect(started.run).toMatchObject({ project_id: made.id, name: 'first', parameters: { max_steps: 2, lora_r: 8 } });
  expect(shown.runs).toMatchObject([{ name: 'first' }]);
  expect(output).toContain('max_steps=2');
});

test('providers says where runs may train, what is missing elsewhere, and which machines are there', async () => {
  const { providers, workers } = await answer('providers', 'providers');
  const { output } = await call('providers');

  expect(providers).toContainEqual({ name: 'local', configured: true, default: true, remedy: null });
  expect(workers).toMatchObject([{ slots: 2 }]);
  expect(output).toMatch(/runpod +no +set RUNPOD_API_KEY/);
});

test('dashboard prints the address where there is no browser, and opens the one that is named', async () => {
  const shown = await answer('dashboard', 'dashboard', '--no-open');
  const opened = await callCommand(['dashboard', '--json'], { variables: { TUNEPLANE_URL: plane.url, BROWSER: '/bin/true' } });
  const none = await callCommand(['dashboard'], { variables: { TUNEPLANE_URL: plane.url } });

  expect(shown).toEqual({ url: `${plane.url}/`, opened: false });
  expect(readAnswer('dashboard', opened.output)).toEqual({ url: `${plane.url}/`, opened: true });
  expect(none).toMatchObject({ code: 0, output: `${plane.url}/\n`, errors: expect.stringContaining('no browser') });
});

test('attach follows a run to its end and ends as it does', async () => {
  const good = await answer('attach', 'attach', done);
  const failing = await plane.startJob({ base_model: './no-model' });
  const bad = await call('attach', failing);
  const stopped = await plane.startJob({ max_steps: 2_000 });
  await call('stop', stopped);

  expect(good).toMatchObject({ id: done, state: 'completed' });
  expect(bad).toMatchObject({ code: 1, output: expect.stringContaining('model_not_found') });
  expect(bad.output).toContain('remedy:');
  expect(await call('attach', stopped)).toMatchObject({ code: 3, output: expect.stringContaining('stopped') });
});
