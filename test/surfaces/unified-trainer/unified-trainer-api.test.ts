/** The unified trainer over HTTP, with the bodies of its document. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 });
});
afterAll(() => plane.close());

const DOCUMENT = {
  framework: 'meta',
  model_id: 'meta-llama-3-70b',
  run_id: 'meta_demo_001',
  num_nodes: 4,
  gpus_per_node: 8,
  cpus_per_node: 64,
  memory_per_node_gb: 512,
  checkpoint_base_uri: 's3://deepfinery-training/runs',
  dataset_uri: 's3://deepfinery-datasets/aml/v1/',
  resume_from_checkpoint: false,
  extra_args: { max_steps: 6000, lr: 2e-5, gradient_accumulation: 16 },
  env: { EXPERIMENT_NAME: 'meta-demo' },
  labels: { 'deepfinery.com/team': 'aml' },
};
const HERE = { framework: 'hf', model_id: 'tiny-llama', checkpoint_base_uri: './runs', dataset_uri: './rows.jsonl' };
const idOf = (body: unknown): string => z.object({ job_id: z.string() }).parse(body).job_id;

async function train(runId: string, overrides: Readonly<Record<string, unknown>> = {}) {
  return plane.request('POST', '/train', { ...HERE, run_id: runId, extra_args: { max_steps: 3, save_steps: 2 }, ...overrides });
}

describe("the document's example", () => {
  test('as printed is created under its default name, and ends cleanly because nothing of it is here', async () => {
    const created = await plane.request('POST', '/train', DOCUMENT);
    await plane.jobWhenDone(idOf(created.body));

    expect(created).toMatchObject({
      status: 201,
      body: { name: 'meta-meta-demo-001', status: 'submitted', framework: 'meta', run_id: 'meta_demo_001' },
    });
    expect(created.headers.get('location')).toBe('/train/meta-meta-demo-001');
    expect(Object(created.body).detail).toMatch(
      /^PyTorchJob created; no object store is configured: .* is kept in .*\/s3\/deepfinery-training\/runs$/,
    );
    expect((await plane.request('GET', '/train/meta-meta-demo-001')).body).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/^PyTorchJob failed; .+/),
      failure: { code: 'data_unreachable' },
    });
  });

  test('with model, dataset and compute that are here trains, and the layout is the documented one', async () => {
    const created = await plane.request('POST', '/train', {
      ...DOCUMENT,
      run_id: 'meta_demo_002',
      model_id: 'tiny-llama',
      dataset_uri: './rows.jsonl',
      num_nodes: 1,
      gpus_per_node: 0,
      extra_args: { ...DOCUMENT.extra_args, max_steps: 4, save_steps: 2 },
    });
    const id = idOf(created.body);
    await plane.jobWhenDone(id);

    const status = await plane.request('GET', '/train/meta-meta-demo-002');
    const folder = join(plane.environment.home, 's3', 'deepfinery-training', 'runs', 'meta_demo_002', 'framework=meta');

    expect(status.body).toMatchObject({ name: 'meta-meta-demo-002', status: 'succeeded', run_id: 'meta_demo_002', job_id: id });
    expect(Object(status.body).detail).toMatch(/^PyTorchJob completed/);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['checkpoints', 'config', 'logs']));
    expect(existsSync(join(folder, 'config', 'run.json'))).toBe(true);
    expect(existsSync(join(folder, 'checkpoints', 'step-000002.json'))).toBe(true);
    expect((await plane.request('GET', `/train/${id}`)).body).toEqual(status.body);
    const adapter = z
      .object({ files: z.array(z.object({ download_url: z.string(), size_bytes: z.int() })).min(1) })
      .parse((await plane.request('GET', `/adapters/${id}`)).body);
    const fetched = await fetch(new URL(String(adapter.files[0]?.download_url), plane.url));
    expect((await fetched.arrayBuffer()).byteLength).toBe(adapter.files[0]?.size_bytes);
  });
});

test('a name is taken for ever: the second job is 400, also when the first is over', async () => {
  const first = await train('once', { job_name: 'mine' });
  await plane.jobWhenDone(idOf(first.body));

  const second = await train('twice', { job_name: 'mine' });

  expect(first.status).toBe(201);
  expect(second).toMatchObject({
    status: 400,
    body: { error: 'Job exists', code: 'name_taken', detail: "a job named 'mine' already exists" },
  });
});

test('50 parallel submissions of one job name make exactly one run', async () => {
  const replies = await Promise.all(Array.from({ length: 50 }, (_, index) => train(`crowd-${index}`, { job_name: 'crowd' })));

  expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 400)).toHaveLength(49);
  const winner = replies.find(({ status }) => status === 201);
  expect((await plane.request('GET', '/train/crowd')).body).toMatchObject({ job_id: idOf(winner?.body) });
  await plane.jobWhenDone(idOf(winner?.body));
});

describe('one run_id', () => {
  test('whose folder holds checkpoints is refused, naming the newest, and goes on from it when asked', async () => {
    await plane.jobWhenDone(idOf((await train('chain')).body));

    const refused = await train('chain', { job_name: 'chain-2' });
    const resumed = await train('chain', { job_name: 'chain-2', resume_from_checkpoint: true, extra_args: { max_steps: 6 } });
    await plane.jobWhenDone(idOf(resumed.body));

    expect(refused).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/run_id: 'chain' has checkpoints already, the newest is step-000003/) },
    });
    expect(resumed).toMatchObject({ status: 201, body: { detail: 'PyTorchJob created; goes on from step-000003' } });
    const folder = join(plane.environment.dataRoot, 'runs', 'chain', 'framework=hf');
    expect(readdirSync(join(folder, 'checkpoints'))).toEqual(expect.arrayContaining(['step-000003.json', 'step-000006.json']));
    const spec = JSON.parse(readFileSync(join(folder, 'attempts', `${idOf(resumed.body)}-0001`, 'spec.json'), 'utf8'));
    expect(spec.resumeFrom).toMatchObject({ checkpoint: 'step-000003', step: 3 });
  });

  test('has one live run at a time', async () => {
    const live = await train('busy', { extra_args: { max_steps: 2_000 } });

    const rivals = await Promise.all([1, 2, 3].map((n) => train('busy', { job_name: `busy-${n}`, resume_from_checkpoint: true })));

    expect(rivals.map(({ status }) => status)).toEqual([400, 400, 400]);
    await plane.request('POST', `/api/sft/jobs/${idOf(live.body)}/stop`);
    await plane.jobWhenDone(idOf(live.body));
    expect((await plane.request('GET', '/train/hf-busy')).body).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/^PyTorchJob failed; stopped: /),
    });
  });

  test('without a checkpoint to resume from starts at 0 and says so', async () => {
    const created = await train('fresh', { resume_from_checkpoint: true });

    expect(created).toMatchObject({ status: 201, body: { detail: expect.stringContaining('it starts at step 0') } });
    await plane.jobWhenDone(idOf(created.body));
  });
});

test('env reaches the trainer, and is nowhere to be read', async () => {
  const secret = 'hunter2-very-secret';
  const created = await train('sealed', { env: { MY_PASSWORD: secret }, extra_args: { max_steps: 400 } });
  const id = idOf(created.body);
  await plane.jobWhen(id, (job) => job.status === 'running');
  const file = join(plane.environment.home, 'work', `${id}-0001`, 'environment.json');

  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ MY_PASSWORD: secret });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await plane.request('POST', `/api/sft/jobs/${id}/stop`);
  await plane.jobWhenDone(id);
  expect(existsSync(file)).toBe(false);
  for (const path of [`/train/${id}`, `/api/sft/jobs/${id}`, `/runs/${id}`, `/runs/${id}/events`]) {
    expect(JSON.stringify((await plane.request('GET', path)).body)).not.toContain(secret);
  }
  const runFolder = join(plane.environment.dataRoot, 'runs', 'sealed');
  for (const folder of [runFolder, plane.environment.home]) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name)).includes(secret), entry.name).toBe(false);
    }
  }
});

describe('what cannot be is 400 and says why', () => {
  test.each([
    ['a missing field', { framework: undefined }, 'framework: is required'],
    ['an unknown framework', { framework: 'jax' }, 'framework'],
    ['an argument that no engine knows', { extra_args: { warp_speed: 9 } }, 'extra_args.warp_speed: is not known, known are: max_steps'],
    ['an argument out of range', { extra_args: { lr: 7 } }, 'extra_args.lr: must be'],
    ['an argument that is no name', { extra_args: { '--x': 1 } }, 'extra_args'],
    ['a variable that may not be set', { env: { AWS_SECRET_ACCESS_KEY: 'x' } }, 'env.AWS_SECRET_ACCESS_KEY'],
    ['an image that is not allowed', { image: 'evil/image:1' }, 'image: must be one of'],
    ['a base outside the data root', { checkpoint_base_uri: '../out' }, 'checkpoint_base_uri: must stay below the data root'],
    ['a base that is nothing we know', { checkpoint_base_uri: 'ftp://x/y' }, 'checkpoint_base_uri: must be a path'],
    ['a bucket that climbs', { checkpoint_base_uri: 's3://b/../c' }, 'checkpoint_base_uri: must be s3://'],
    ['a hostile run_id', { run_id: '../x' }, 'run_id'],
  ])('%s', async (_, overrides, detail) => {
    expect(await train('never', overrides)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: expect.stringContaining(detail) },
    });
  });

  test('a job that is not there: 404', async () => {
    expect(await plane.request('GET', '/train/nobody')).toMatchObject({ status: 404, body: { error: 'Job not found' } });
  });
});

test("the document's default image means the configured trainer, and file:// bases are paths", async () => {
  const created = await train('imaged', {
    image: 'ghcr.io/deepfinery/trainer:latest',
    checkpoint_base_uri: `file://${plane.environment.dataRoot}/elsewhere`,
    namespace: 'team-a',
    annotations: { note: 'kept' },
  });
  await plane.jobWhenDone(idOf(created.body));

  expect(created).toMatchObject({ status: 201, body: { detail: 'PyTorchJob created' } });
  expect(existsSync(join(plane.environment.dataRoot, 'elsewhere', 'imaged', 'framework=hf', 'config', 'run.json'))).toBe(true);
});

test('with a token set, a request without it is 401', async () => {
  await using guarded = await ScriptedPlane.start({}, { TRAINER_API_TOKEN: 'right' });

  const reply = await guarded.request('POST', '/train', DOCUMENT);
  const wrong = await guarded.request('GET', '/train/x', undefined, { 'x-trainer-token': 'wrong' });
  const known = await guarded.request('GET', '/train/x', undefined, { 'x-trainer-token': 'right' });

  expect([reply.status, wrong.status, known.status]).toEqual([401, 401, 404]);
  expect(await guarded.request('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
});

describe('config_path', () => {
  const place = (name: string, text: string): void => writeFileSync(join(plane.environment.dataRoot, name), text);

  test.each([
    ['run.yaml', 'lr: 0.001\nmax_steps: 9\npacking: true\n'],
    ['run.json', '{"lr": 0.001, "max_steps": 9, "packing": true}'],
  ])('%s holds arguments, and extra_args win over them', async (file, text) => {
    place(file, text);
    const created = await train(`configured-${file.slice(4)}`, { config_path: file, extra_args: { max_steps: 1 } });
    const run = await plane.request('GET', `/runs/${idOf(created.body)}`);

    expect(created.status).toBe(201);
    expect(run.body).toMatchObject({ parameters: { learning_rate: 0.001, max_steps: 1, packing: true } });
    await plane.jobWhenDone(idOf(created.body));
  });

  test.each([
    ['what is not there', 'none.yaml', "config_path: 'none.yaml' is not there"],
    ['what leads out of the data root', '../x.yaml', 'config_path: '],
    ['what is no YAML', 'torn.yaml', "config_path: 'torn.yaml' is neither YAML nor JSON"],
    [
      'what holds more than arguments',
      'deep.yaml',
      "config_path: 'deep.yaml' must hold names with texts, numbers, true, false or null: model",
    ],
    ['arguments that nobody knows', 'odd.yaml', 'config_path.warp_speed: is not known, known are: '],
    [
      'arguments out of range, with all else that is wrong',
      'wild.yaml',
      'config_path.lr: must be above 0 and at most 1, got 7; extra_args.x: is not known',
    ],
  ])('%s is told at its place', async (_, file, message) => {
    place('torn.yaml', 'a: [1');
    place('deep.yaml', 'model: {a: 1}');
    place('odd.yaml', 'warp_speed: 9');
    place('wild.yaml', 'lr: 7');
    const args = file === 'wild.yaml' ? { x: 1 } : {};

    const refused = await train('refused', { config_path: file, extra_args: args });

    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining(message) } });
  });
});

test('compute says the same as the fields of the document, and may add the type of GPU', async () => {
  const created = await train('computed', { compute: { node_count: 2, gpu_type: 'H100' }, num_nodes: 2 });
  const differs = await train('differs', { compute: { node_count: 2 }, num_nodes: 4 });

  expect((await plane.request('GET', `/runs/${idOf(created.body)}`)).body).toMatchObject({ compute: { nodes: 2, gpu_type: 'H100' } });
  expect(differs).toMatchObject({ status: 400, body: { detail: 'compute.node_count: must not differ from num_nodes, which is 4, got 2' } });
});
