/** `train`: what it takes, the plan it shows, where the data go, and how it ends. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CallOptions, callCommand, type Ran, readAnswer } from '../support/command-line.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let plane: ScriptedPlane;
let folder: { path: string; remove: () => Promise<void> };
const ROWS = '{"instruction": "a", "output": "b"}\n';

const call = (words: readonly string[], options: CallOptions = {}): Promise<Ran> =>
  callCommand(words, {
    workingFolder: folder.path,
    ...options,
    variables: { TUNEPLANE_URL: plane.url, XDG_CONFIG_HOME: folder.path, ...options.variables },
  });
const train = async (...words: string[]) => {
  const { code, output, errors } = await call(['train', ...words, '--json']);
  if (output === '') throw new Error(`train ${words.join(' ')} ended with ${code}: ${errors}`);
  return { code, errors, ...readAnswer('train', output) };
};
const countRuns = async (): Promise<number> => Object((await plane.request('GET', '/runs')).body).total;

beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.01 });
});
afterAll(() => plane.close());
beforeEach(async () => {
  folder = await makeTemporaryFolder();
  return folder.remove;
});

describe('what to train', () => {
  test('options alone', async () => {
    const { run, plan } = await train(
      '--base',
      'tiny-llama',
      '--data',
      './rows.jsonl',
      '--max-steps',
      '3',
      '--lr-scheduler',
      'linear',
      '--packing',
    );

    expect(run).toMatchObject({ state: 'completed', request: { max_steps: 3, lr_scheduler: 'linear', packing: true } });
    expect(plan.parameters).toEqual({ ...run?.parameters });
  });

  test('a YAML file, and options over it; a path in it is relative to the file', async () => {
    mkdirSync(join(folder.path, 'jobs'));
    writeFileSync(join(folder.path, 'jobs', 'own.jsonl'), ROWS.repeat(3));
    writeFileSync(
      join(folder.path, 'jobs', 'run.yaml'),
      'base_model: tiny-llama\ndataset_name: ./own.jsonl\nmax_steps: 50\nlearning_rate: 1e-4\ncompute:\n  node_count: 1\n',
    );

    const { run, upload } = await train('jobs/run.yaml', '--max-steps', '2', '--set', 'compute.gpus_per_node=0');

    expect(run).toMatchObject({
      state: 'completed',
      request: { max_steps: 2, learning_rate: 1e-4, compute: { node_count: 1, gpus_per_node: 0 } },
    });
    expect(upload).toMatchObject({ file: join(folder.path, 'jobs', 'own.jsonl'), rows: 3 });
  });

  test('a JSON body as curl sends it', async () => {
    writeFileSync(
      join(folder.path, 'body.json'),
      JSON.stringify({ config: { base_model: 'tiny-llama', dataset_name: 'dataset:x', max_steps: 2 } }),
    );
    await plane.request('PUT', '/datasets/x', [{ text: 'one' }]);

    expect(await train('body.json', '-d')).toMatchObject({ code: 0, run: { dataset: 'dataset:x', parameters: { max_steps: 2 } } });
  });

  test('a saved configuration, by name or id, of which the newest of a name counts', async () => {
    const save = (steps: string) =>
      call(['configs', 'save', 'nightly', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', steps, '--json']);
    const old = readAnswer('configs save', (await save('3')).output);
    await save('4');

    const byName = await train('nightly', '-d');
    const byId = await train(old.config_id, '--lora-r', '4', '-d');

    expect(byName.plan.parameters).toMatchObject({ max_steps: 4 });
    expect(byId.plan.parameters).toMatchObject({ max_steps: 3, lora_r: 4 });
  });

  test('data alone', async () => {
    writeFileSync(join(folder.path, 'mine.jsonl'), ROWS);

    expect(await train('mine.jsonl', '--base', 'tiny-llama', '--max-steps', '1', '-d')).toMatchObject({ upload: { rows: 1 } });
  });

  test('variables, also from here, are given to the trainer and shown to nobody', async () => {
    const words = [
      'train',
      '--base',
      'tiny-llama',
      '--data',
      './rows.jsonl',
      '--max-steps',
      '1',
      '-d',
      '--env',
      'A=1=2',
      '--env',
      'FROM_HERE',
      '--json',
    ];

    const { output, errors } = await call(words, { variables: { FROM_HERE: 'canary' } });
    const missing = await call([...words.slice(0, -3), '--env', 'NOT_HERE']);

    expect(readAnswer('train', output)).toMatchObject({
      plan: { env: ['A', 'FROM_HERE'] },
      run: { request: { env: { A: '(set)', FROM_HERE: '(set)' } } },
    });
    expect(output + errors).not.toContain('canary');
    expect(missing).toMatchObject({ code: 2, errors: expect.stringContaining('--env NOT_HERE') });
  });

  test.each([
    [['nigtly'], 2, "'nigtly' is neither a file here nor a configuration saved at"],
    [['gone.yaml'], 2, '/gone.yaml'],
    [[], 2, 'there is nothing to train on'],
    [['a.jsonl', '--base', 'tiny-llama', '--data', 'b.jsonl'], 2, "data are named twice, 'a.jsonl' and --data 'b.jsonl'"],
    [['--base', 'tiny-llama', '--data', 'gone.jsonl'], 1, "'gone.jsonl' is not there"],
    [['--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '0', '--lora-r', '9999'], 2, 'max_steps: must be'],
    [['--base', 'tiny-llama', '--data', './rows.jsonl', '--set', 'learing_rate=1'], 2, "did you mean 'learning_rate'"],
    [['--base', 'tiny-llama', '--data', './rows.jsonl', '--project', 'proj_gone'], 1, 'proj_gone'],
    [['--base', 'tiny-llama', '--data', './rows.jsonl', '--name', 'x', '--output-dir', './o'], 2, 'output_dir cannot be given'],
  ])('%j is refused with %d, and nothing is started', async (words, code, sentence) => {
    const before = await countRuns();

    const ran = await call(['train', ...words]);

    expect(ran).toMatchObject({ code, output: '', errors: expect.stringContaining(sentence) });
    expect(await countRuns()).toBe(before);
  });

  test('all that is wrong is told at once, a line each', async () => {
    const { errors } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '0', '--lora-r', '9999']);

    expect(errors).toMatch(/^ {2}max_steps: must be .*got 0$/m);
    expect(errors).toMatch(/^ {2}lora_r: must be .*got 9999$/m);
  });
});

describe('the plan', () => {
  test('is shown before anything starts: what is given, what follows and why, the data, the place and the result', async () => {
    const { errors, output, code } = await call([
      'train',
      '--base',
      'tiny-llama',
      '--data',
      './rows.jsonl',
      '--max-steps',
      '7',
      '--output-dir',
      './out',
      '--dry-run',
    ]);

    expect(code).toBe(0);
    expect(output).toBe('a dry run: nothing was started\n');
    expect(errors).toMatch(/train +tiny-llama, sft, lora/);
    expect(errors).toMatch(/data +\.\/rows\.jsonl {2}20 rows, alpaca, 980 bytes/);
    expect(errors).toMatch(/where +local/);
    expect(errors).toMatch(/for +at most 14 days of training/);
    expect(errors).toMatch(/result +an adapter, kept with the run, and below \.\/out/);
    expect(errors).toMatch(/max_steps +7\n/);
    expect(errors).toMatch(/learning_rate +0\.003 {2}\(default of tiny-llama/);
    expect(errors).toContain('lora_r=16');
  });

  test('is answered on a terminal: no starts nothing, Enter and -y start', async () => {
    const words = ['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '1', '-d'];
    const before = await countRuns();

    const no = await call(words, { typed: 'n\n' });
    const afterNo = await countRuns();
    const enter = await call(words, { typed: '\n' });
    const sure = await call([...words, '-y'], { typed: '' });

    expect(no).toMatchObject({ code: 1, errors: expect.stringMatching(/Start this run\? \[Y\/n\] .*nothing was started/s) });
    expect(afterNo).toBe(before);
    expect(enter).toMatchObject({ code: 0, output: expect.stringMatching(/^run_\w{26} {2}queued/) });
    expect(sure.errors).not.toContain('Start this run?');
    expect(await countRuns()).toBe(before + 2);
  });

  test('without a terminal nobody is asked', async () => {
    const { code, errors } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '1', '-d'], {
      piped: 'n\n',
    });

    expect(code).toBe(0);
    expect(errors).not.toContain('Start this run?');
  });

  test('Ctrl-C at the question starts nothing', async () => {
    const before = await countRuns();
    const interrupt = new AbortController();

    const ran = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl'], {
      typed: '',
      interrupted: interrupt.signal,
      onText: (text) => text.includes('Start this run?') && interrupt.abort(),
    });

    expect(ran).toMatchObject({ code: 130, errors: expect.stringContaining('nothing was started') });
    expect(await countRuns()).toBe(before);
  });
});

describe('the data', () => {
  test('a file that the plane can read itself stays where it is', async () => {
    const { upload, run } = await train(
      '--base',
      'tiny-llama',
      '--data',
      join(plane.environment.dataRoot, 'rows.jsonl'),
      '--max-steps',
      '1',
      '-d',
    );

    expect(upload).toBeNull();
    expect(run?.dataset).toBe(join(plane.environment.dataRoot, 'rows.jsonl'));
  });

  test('a file out of its reach is stored under a name of its content, once', async () => {
    writeFileSync(join(folder.path, 'my poems.jsonl'), '{"text": "one"}\n{"text": "two"}\n');
    const words = ['my poems.jsonl', '--base', 'tiny-llama', '--max-steps', '1', '-d'];

    const first = await train(...words);
    const second = await train(...words);

    expect(first.upload).toMatchObject({ dataset: expect.stringMatching(/^dataset:my-poems-[0-9a-f]{12}$/), rows: 2 });
    expect(first.run?.dataset).toBe(first.upload?.dataset);
    expect(second).toMatchObject({ upload: null, run: { dataset: first.upload?.dataset } });
  });

  test('a file at a path that means another file to the plane is not mistaken for it', async () => {
    const twin = join(plane.environment.dataRoot, 'twin.jsonl');
    writeFileSync(twin, ROWS);
    writeFileSync(join(folder.path, 'twin.jsonl'), ROWS.repeat(2));

    expect((await train('twin.jsonl', '--base', 'tiny-llama', '--max-steps', '1', '-d')).upload).toMatchObject({ rows: 2 });
  });

  test('a dry run says that it would be stored, and stores nothing', async () => {
    writeFileSync(join(folder.path, 'later.jsonl'), ROWS);

    const { plan, upload, errors } = await train('later.jsonl', '--base', 'tiny-llama', '--dry-run');

    expect(errors).toContain(`will be stored as ${upload?.dataset}`);
    expect(plan.data).toMatchObject({ rows: 1 });
    expect(await plane.request('GET', `/datasets/${upload?.dataset.replace('dataset:', '')}/preview`)).toMatchObject({ status: 404 });
  });

  test('more than 4 MB go by a link', async () => {
    const row = JSON.stringify({ text: 'x'.repeat(1_000) });
    writeFileSync(join(folder.path, 'large.jsonl'), `${row}\n`.repeat(6_000));

    const { upload, run } = await train('large.jsonl', '--base', 'tiny-llama', '--max-steps', '1', '-d');

    expect(upload?.size_bytes).toBeGreaterThan(4 * 1_048_576);
    expect(run?.dataset).toBe(upload?.dataset);
    expect(await plane.jobWhenDone(run?.id ?? '')).toMatchObject({ status: 'completed' });
  });

  test('what would end the run shows only when the rows are stored: then nothing is started', async () => {
    writeFileSync(join(folder.path, 'fine.jsonl'), ROWS);
    const before = await countRuns();

    const ran = await call(['train', 'fine.jsonl', '--base', './no-model']);

    expect(ran).toMatchObject({ code: 1, output: '', errors: expect.stringContaining('would fail before it trains') });
    expect(await countRuns()).toBe(before);
  });

  test.each([
    ['rows.parquet', 'PAR1', 'is Parquet'],
    ['bad.jsonl', '{"text": "one"}\nno row\n', 'line 2'],
  ])('%s cannot be stored, and nothing is started', async (name, content, sentence) => {
    writeFileSync(join(folder.path, name), content);
    const before = await countRuns();

    const ran = await call(['train', name, '--base', 'tiny-llama']);

    expect(ran).toMatchObject({ code: 2, errors: expect.stringContaining(sentence) });
    expect(await countRuns()).toBe(before);
  });
});

describe('to the end', () => {
  test('the log goes to standard output, the way to it to standard error, and the exit code says how it ended', async () => {
    const { code, output, errors } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '5']);

    const steps = output.split('\n').filter((line) => line.startsWith('step '));
    expect(code).toBe(0);
    expect(steps).toHaveLength(5);
    expect(output).toMatch(/run_\w{26} completed in .*train loss/);
    expect(output).toContain('tuneplane artifacts download run_');
    expect(errors).toContain('starting the trainer');
    expect(errors).not.toContain('step 1/5 loss');
  });

  test('a run that fails ends it with 1, with code, sentence and remedy', async () => {
    const { code, output } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--gpus', '64']);

    expect(code).toBe(1);
    expect(output).toMatch(/failed: no_compute\n {2}.+\n {2}remedy: /);
  });

  test('a run that is stopped ends it with 3; -d says what to type next', async () => {
    const { output } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '5000', '-d']);
    const id = /^(run_\w{26})/.exec(output)?.[1] ?? '';
    const following = call(['attach', id]);
    await plane.jobWhen(id, ({ progress }) => (progress?.step ?? 0) > 1);
    await call(['stop', id]);

    expect(output).toContain(`tuneplane attach ${id}`);
    expect(await following).toMatchObject({ code: 3, output: expect.stringContaining(`resume ${id} --from latest`) });
  });

  test('Ctrl-C while it trains leaves the run alone, and says how to come back', async () => {
    const interrupt = new AbortController();
    const ran = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '5000'], {
      interrupted: interrupt.signal,
      onText: (text) => text.startsWith('step 3/') && interrupt.abort(),
    });
    const id = /left (run_\w{26}), which goes on/.exec(ran.errors)?.[1] ?? '';

    expect(ran).toMatchObject({ code: 130, errors: expect.stringContaining(`tuneplane attach ${id}`) });
    const step = (await plane.jobWhen(id, ({ progress }) => (progress?.step ?? 0) > 3)).progress?.step ?? 0;
    await plane.jobWhen(id, ({ progress }) => (progress?.step ?? 0) > step);
    await call(['stop', id, '--wait']);
  });

  test('with --json standard output holds the document alone', async () => {
    const { run, errors } = await train('--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '2');

    expect(run).toMatchObject({ state: 'completed', result: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(errors).toContain('Plan');
  });

  test('what it prints is what the trainer printed, line for line', async () => {
    const { output } = await call(['train', '--base', 'tiny-llama', '--data', './rows.jsonl', '--max-steps', '30']);
    const id = /(run_\w{26}) completed/.exec(output)?.[1] ?? '';
    const chunk = join(plane.environment.home, 'artifacts', 'runs', id, 'framework=hf', 'logs', `${id}-0001-00000001.jsonl`);
    const stored = readFileSync(chunk, 'utf8')
      .trim()
      .split('\n')
      .map((line) => String(Object(JSON.parse(line)).message));

    expect(output.split('\n').slice(0, stored.length)).toEqual(stored);
  });
});
