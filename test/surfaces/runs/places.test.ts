/** Datasets, providers, machines and deletion over HTTP. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uploadResponse } from '#surfaces/runs/place-schemas.ts';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 });
});
afterAll(() => plane.close());

const ROWS = ['{"instruction": "a", "output": "b"}', '', '{"instruction": "c", "output": "d"}', ''].join('\n');
const put = (name: string, body: unknown, type: string) => plane.request('PUT', `/datasets/${name}`, body, { 'content-type': type });

describe('a dataset', () => {
  test.each(['application/x-ndjson', 'application/jsonl; charset=utf-8', 'text/plain'])(
    'is stored as %s, listed and previewed',
    async (type) => {
      const name = `poems-${type.length}`;
      const stored = await put(name, ROWS, type);
      const again = await put(name, ROWS, type);
      const preview = await plane.request('GET', `/datasets/${name}/preview?limit=1`);
      const list = await plane.request('GET', '/datasets');

      const dataset = { name, uri: `dataset:${name}`, rows: 2, format: 'alpaca', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) };
      expect(stored).toMatchObject({ status: 201, body: dataset });
      expect(stored.headers.get('location')).toBe(`/datasets/${name}/preview`);
      expect(again.status).toBe(200);
      expect(preview.body).toMatchObject({ ...dataset, items: [{ instruction: 'a', output: 'b' }] });
      expect(list.body).toMatchObject({ items: expect.arrayContaining([expect.objectContaining({ name })]) });
    },
  );

  test('is stored as a JSON array of rows, and a run trains on the rows that lie there when it is prepared', async () => {
    const stored = await put('lines', [{ prompt: 'a', completion: 'b' }], 'application/json');
    const id = await plane.startJob({ dataset_name: 'dataset:lines', max_steps: 1 });
    const job = await plane.jobWhenDone(id);
    const run = await plane.request('GET', `/runs/${id}`);

    expect(stored.status).toBe(201);
    expect(job.status).toBe('completed');
    expect(run.body).toMatchObject({ dataset: 'dataset:lines' });
  });

  test('larger than a request may be is put by a link, checked by its first rows, and trained on', async () => {
    const text = `${JSON.stringify({ instruction: 'a', output: 'b'.repeat(1_000) })}\n`.repeat(6_000);
    const sha256 = createHash('sha256').update(text).digest('hex');
    const opened = await plane.request('POST', '/datasets/uploaded/upload', { size_bytes: text.length, sha256 });
    const { upload_url: path } = uploadResponse.parse(opened.body);
    const early = await put('uploaded', { sha256 }, 'application/json');
    const wrong = await fetch(plane.url + path, { method: 'PUT', body: text.replace('bbb', 'bbc') });
    const short = await fetch(plane.url + path, { method: 'PUT', body: text.slice(1) });
    const forged = await fetch(plane.url + path.replace('size=6', 'size=5'), { method: 'PUT', body: text });

    const sent = await fetch(plane.url + path, { method: 'PUT', body: text });
    const stored = await put('uploaded', { sha256 }, 'application/json');

    expect(early).toMatchObject({ status: 400, body: { detail: `sha256: nothing was uploaded with SHA-256 ${sha256}` } });
    expect([wrong.status, short.status, forged.status, sent.status]).toEqual([400, 400, 403, 200]);
    expect(stored).toMatchObject({ status: 201, body: { rows: null, format: 'alpaca', size_bytes: text.length, sha256 } });
    expect((await plane.request('POST', '/datasets/uploaded/upload', { size_bytes: text.length, sha256 })).body).toMatchObject({
      stored: true,
    });
    const preview = await plane.request('GET', '/datasets/uploaded/preview?limit=2');
    expect(Object(preview.body).items).toHaveLength(2);
    const id = await plane.startJob({ dataset_name: 'dataset:uploaded', max_steps: 1 });
    expect((await plane.jobWhenDone(id)).status).toBe('completed');
  });

  test('that is not there fails the run with what to do', async () => {
    const id = await plane.startJob({ dataset_name: 'dataset:none' });

    expect(await plane.jobWhenDone(id)).toMatchObject({
      status: 'failed',
      failure: { code: 'dataset_not_found', message: "no dataset 'none' is stored here: PUT /datasets/none" },
    });
    expect(await plane.request('GET', '/datasets/none/preview')).toMatchObject({ status: 404, body: { code: 'dataset_not_found' } });
  });

  test('with bad rows is refused, each named by its line', async () => {
    const { status, body } = await put('bad', `${ROWS}{"instruction": 1}\nnot json`, 'text/plain');

    expect(status).toBe(400);
    expect(Object(body).detail).toContain('line 4: ');
    expect(Object(body).detail).toContain('line 5: must be JSON');
  });

  test('above 4 MB is refused, with the way that takes more', async () => {
    const row = `${JSON.stringify({ text: 'x'.repeat(1_000) })}\n`;

    expect((await put('large', row.repeat(4_000), 'text/plain')).status).toBe(201);
    expect(await put('large', row.repeat(4_200), 'text/plain')).toMatchObject({
      status: 413,
      body: { detail: expect.stringMatching(/at most 4194304 bytes, got \d+: put it by a link, POST \/datasets\/\{name\}\/upload$/) },
    });
  });

  test('is named in one way', async () => {
    const { status, body } = await plane.request('POST', '/api/sft/train', {
      config: { base_model: 'tiny-llama', dataset_name: 'dataset:../x' },
    });

    expect([status, Object(body).detail]).toEqual([
      400,
      "config.dataset_name: must name a stored dataset as dataset:<name>, got 'dataset:../x'",
    ]);
  });
});

test('providers say what is there, and what the others need', async () => {
  const { body } = await plane.request('GET', '/providers');

  expect(Object(body).items).toEqual(
    expect.arrayContaining([
      { name: 'local', configured: true, default: true, remedy: null },
      {
        name: 'runpod',
        configured: false,
        default: false,
        remedy:
          'set RUNPOD_API_KEY, TUNEPLANE_TRAINER_IMAGE (by digest), TUNEPLANE_ARTIFACTS (s3://bucket/prefix, where machines elsewhere find their runs)',
      },
    ]),
  );
});

test('workers show the slots of this machine and who holds and waits for them', async () => {
  const busy = [await plane.startJob({ max_steps: 2_000 }), await plane.startJob({ max_steps: 2_000 })];
  for (const id of busy) await plane.jobWhen(id, ({ status }) => status === 'running');
  const waiting = await plane.startJob({ max_steps: 1 });
  await plane.jobWhen(waiting, (job) => job.waiting !== null);

  const { body } = await plane.request('GET', '/workers');

  expect(Object(body).items).toMatchObject([{ provider: 'local', slots: 2, busy, waiting: [waiting], engines: ['hf', 'meta'] }]);
  for (const id of [...busy, waiting]) await plane.request('POST', `/runs/${id}/stop`);
  for (const id of [...busy, waiting]) await plane.jobWhenDone(id);
});

test('a run that is over is deleted with its folder; one that is not is kept', async () => {
  const id = await plane.startJob({ max_steps: 2_000 });
  await plane.jobWhen(id, ({ status }) => status === 'running');
  const folder = join(plane.environment.home, 'artifacts', 'runs', id);

  const early = await plane.request('DELETE', `/runs/${id}`);
  await plane.request('POST', `/runs/${id}/stop`);
  await plane.jobWhenDone(id);
  const there = existsSync(folder);
  const gone = await plane.request('DELETE', `/runs/${id}`);
  const again = await plane.request('DELETE', `/runs/${id}`);

  expect(early).toMatchObject({
    status: 409,
    body: { code: 'transition_refused', detail: `run '${id}' is running: stop it before it is deleted` },
  });
  expect([there, gone.status, existsSync(folder), again.status]).toEqual([true, 204, false, 404]);
  expect((await plane.request('GET', `/api/sft/jobs/${id}`)).status).toBe(404);
});
