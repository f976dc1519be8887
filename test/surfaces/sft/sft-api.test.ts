/** The SFT API over HTTP, on a plane whose trainer is the real supervisor with a torch-free engine. Bodies are the document's own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02, sampleEvery: 5 });
});
afterAll(() => plane.close());

const DOCUMENT_CONFIG = {
  dataset_format: 'alpaca',
  max_steps: 10,
  output_dir: './outputs/sft_gpt2_alpaca',
  use_lora: true,
  lora_r: 16,
  lora_alpha: 32,
  learning_rate: 2e-4,
};

describe("the document's examples, with a model and data that are here", () => {
  test('start, watch and complete a job', async () => {
    const started = await plane.request('POST', '/api/sft/train', {
      config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', ...DOCUMENT_CONFIG },
    });
    const id = String(Object(started.body).job_id);

    const job = await plane.jobWhenDone(id);

    expect(started).toMatchObject({ status: 200, body: { status: 'pending' } });
    expect(started.headers.get('location')).toBe(`/api/sft/jobs/${id}`);
    expect(job).toMatchObject({
      job_id: id,
      status: 'completed',
      error: null,
      failure: null,
      result: {
        train_loss: expect.any(Number),
        adapter_path: './outputs/sft_gpt2_alpaca/adapter',
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      progress: { fraction: 1, step: 10, steps: 10 },
    });
    expect(Date.parse(job.created_at)).toBeLessThanOrEqual(Date.parse(job.started_at ?? ''));
    expect(Date.parse(job.started_at ?? '')).toBeLessThanOrEqual(Date.parse(job.completed_at ?? ''));
    expect(readFileSync(join(plane.environment.dataRoot, 'outputs/sft_gpt2_alpaca/adapter/adapter_config.json'), 'utf8')).toContain('{');
    expect(job.samples?.items.length).toBeGreaterThan(0);
  });

  test('as printed, gpt2 and a hub dataset are accepted and end cleanly', async () => {
    const id = await plane.startJob({ base_model: 'gpt2', dataset_name: 'tatsu-lab/alpaca', ...DOCUMENT_CONFIG });

    expect((await plane.jobWhenDone(id)).status).toMatch(/completed|failed/);
  });

  test('list all jobs, newest first, and page them', async () => {
    const first = await plane.startJob({ max_steps: 1 });
    const second = await plane.startJob({ max_steps: 1 });

    const page = await plane.request('GET', '/api/sft/jobs?limit=2');
    const next = await plane.request('GET', `/api/sft/jobs?limit=2&after=${second}`);

    expect(page.body).toMatchObject({ jobs: [{ job_id: second }, { job_id: first }] });
    expect(page.headers.get('link')).toBe(`</api/sft/jobs?limit=2&after=${first}>; rel="next"`);
    expect(next.body).toMatchObject({ jobs: [{ job_id: first }, {}] });
    for (const id of [first, second]) await plane.jobWhenDone(id);
  });

  test('stop a running job: it reads stopped at once, and has a final checkpoint when its compute is gone', async () => {
    const id = await plane.startJob({ max_steps: 2_000 });
    await plane.jobWhen(id, (job) => job.status === 'running' && (job.progress?.step ?? 0) > 2);

    const stop = await plane.request('POST', `/api/sft/jobs/${id}/stop`);
    const atOnce = await plane.request('GET', `/api/sft/jobs/${id}`);
    const job = await plane.jobWhenDone(id);

    expect(stop).toMatchObject({ status: 200, body: { message: `Job ${id} stopped` } });
    expect(atOnce.body).toMatchObject({ status: 'stopped' });
    expect(job).toMatchObject({
      status: 'stopped',
      error: null,
      stop_detail: { code: 'stop_requested', message: expect.stringContaining('last checkpoint step-') },
    });
  });

  test('stop a final job: 409, and it stays what it is', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);

    const stop = await plane.request('POST', `/api/sft/jobs/${id}/stop`);

    expect(stop).toMatchObject({
      status: 409,
      body: { error: 'Job cannot be stopped', code: 'transition_refused', detail: `run '${id}' is completed and cannot be stopped` },
    });
    expect(stop.headers.get('x-should-retry')).toBe('false');
    expect(await plane.jobWhenDone(id)).toMatchObject({ status: 'completed' });
  });

  test('save, list and get configurations, and start from one', async () => {
    const config = {
      base_model: 'tiny-llama',
      dataset_name: './rows.jsonl',
      dataset_format: 'alpaca',
      use_qlora: true,
      lora_r: 16,
      lora_alpha: 32,
    };
    const saved = await plane.request('POST', '/api/sft/configs', { name: 'alpaca_qlora', config });
    const id = String(Object(saved.body).config_id);

    const one = await plane.request('GET', `/api/sft/configs/${id}`);
    const all = await plane.request('GET', '/api/sft/configs');
    const job = await plane.startJob({ base_model: undefined, dataset_name: undefined, config_id: id, max_steps: 1 });

    expect(saved).toMatchObject({ status: 200, body: { name: 'alpaca_qlora' } });
    expect(one.body).toEqual({ config_id: id, name: 'alpaca_qlora', config });
    expect(all.body).toMatchObject([{ config_id: id, name: 'alpaca_qlora', config }]);
    expect((await plane.jobWhenDone(job)).config).toEqual({ ...config, max_steps: 1 });
  });
});

describe('what cannot be', () => {
  test.each([
    ['a job', '/api/sft/jobs/abc-123-def-456', 'Job not found', 'run_not_found'],
    ['a configuration', '/api/sft/configs/xyz-789', 'Config not found', 'config_not_found'],
  ])('%s that is not there: 404', async (_, path, error, code) => {
    expect(await plane.request('GET', path)).toMatchObject({ status: 404, body: { error, code } });
  });

  test('stopping a job that is not there: 404', async () => {
    expect(await plane.request('POST', '/api/sft/jobs/abc-123/stop')).toMatchObject({ status: 404 });
  });

  test('a wrong configuration is one 400 that lists every problem with its path', async () => {
    const { status, body } = await plane.request('POST', '/api/sft/train', {
      config: { dataset_name: '../etc/passwd.jsonl', learing_rate: 1, learning_rate: 7, max_steps: 0, use_qlora: true, lora_r: 'many' },
    });

    expect(status).toBe(400);
    for (const part of [
      "unknown key 'learing_rate', did you mean 'learning_rate'",
      'config.learning_rate',
      'got 7',
      'config.max_steps',
      'config.lora_r',
    ]) {
      expect(Object(body).detail).toContain(part);
    }
  });

  test('what only the whole configuration shows is listed as well', async () => {
    const { status, body } = await plane.request('POST', '/api/sft/train', {
      config: { dataset_name: '../x.jsonl', use_lora: false, use_qlora: true },
    });

    expect(status).toBe(400);
    for (const path of ['config.base_model: is required', 'config.dataset_name: must stay below the data root', 'config.use_lora'])
      expect(Object(body).detail).toContain(path);
  });

  test('a saved configuration is held to the same rules', async () => {
    const { status, body } = await plane.request('POST', '/api/sft/configs', {
      name: 'bad',
      config: { base_model: 'tiny-llama', dataset_name: '/a/../../b' },
    });

    expect(status).toBe(400);
    expect(Object(body).detail).toContain('config.dataset_name');
  });

  test.each([
    ['missing.jsonl', 'dataset_not_found'],
    ['s3://bucket/rows/', 'data_unreachable'],
  ])('a dataset that cannot be had (%s) fails the run with the reason before any training', async (dataset_name, code) => {
    const id = await plane.startJob({ dataset_name });

    const job = await plane.jobWhenDone(id);

    expect(job).toMatchObject({ status: 'failed', started_at: null, failure: { code, remedy: expect.any(String) } });
    expect(job.error).toBe(job.failure?.message);
  });

  test('more compute than is here fails at once, saying what is', async () => {
    const id = await plane.startJob({ compute: { node_count: 4, gpus_per_node: 8 } });

    expect(await plane.jobWhenDone(id)).toMatchObject({
      status: 'failed',
      failure: { code: 'no_compute', message: expect.stringContaining('4 nodes') },
    });
  });
});

test.each(['{bad', '[]', '{"bogus":1}', 'null'])(
  'a stop with the body %s is refused and does nothing; with {} it is taken',
  async (body) => {
    const id = await plane.startJob({ max_steps: 2_000 });

    const refused = await plane.request('POST', `/api/sft/jobs/${id}/stop`, body);
    const before = await plane.request('GET', `/api/sft/jobs/${id}`);
    const taken = await plane.request('POST', `/api/sft/jobs/${id}/stop`, '{}');

    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(before.body).not.toMatchObject({ status: 'stopped' });
    expect(taken.status).toBe(200);
    await plane.jobWhenDone(id);
  },
);

test('bytes that are no UTF-8 are refused, never changed', async () => {
  const response = await fetch(`${plane.url}/api/sft/configs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from([
      ...Buffer.from('{"name":"'),
      0xff,
      0xfe,
      ...Buffer.from('","config":{"base_model":"tiny-llama","dataset_name":"./rows.jsonl"}}'),
    ]),
  });

  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ detail: 'the body must be UTF-8' });
});

test('an Idempotency-Key makes one run of many calls, also of calls at once', async () => {
  const body = { config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 1 } };
  const call = () => plane.request('POST', '/api/sft/train', body, { 'idempotency-key': 'once-only' });

  const replies = await Promise.all(Array.from({ length: 16 }, call));
  const again = await call();

  const answered = [...replies, again].filter(({ status }) => status === 200);
  expect(new Set(answered.map((reply) => Object(reply.body).job_id)).size).toBe(1);
  expect([...replies, again].every(({ status }) => status === 200 || status === 409)).toBe(true);
  expect(again.status).toBe(200);
  expect(
    await plane.request('POST', '/api/sft/train', { config: { ...body.config, max_steps: 2 } }, { 'idempotency-key': 'once-only' }),
  ).toMatchObject({ status: 422 });
  await plane.jobWhenDone(Object(again.body).job_id);
});

test('100 jobs created at once are all there', async () => {
  const ids = await Promise.all(Array.from({ length: 100 }, () => plane.startJob({ dataset_name: 'missing.jsonl' })));

  for (const id of ids) await plane.jobWhenDone(id);

  expect(new Set(ids).size).toBe(100);
});
