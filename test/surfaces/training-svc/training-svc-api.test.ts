/** training-svc over HTTP, with the bodies of its document. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.01, steps: 3 });
});
afterAll(() => plane.close());

const JSON_LINES = { 'content-type': 'application/x-ndjson' };
const idOf = (body: unknown): string => z.object({ job_id: z.string() }).parse(body).job_id;
const specOf = (id: string): { training: { dataset: { uri: string; files: { sha256: string; location: string }[] } }; purpose: string } =>
  JSON.parse(
    readFileSync(join(plane.environment.home, 'artifacts', 'runs', id, 'framework=hf', 'attempts', `${id}-0001`, 'spec.json'), 'utf8'),
  );

describe("the document's examples, as printed", () => {
  test('a QLoRA job on session s-1 is queued, and ends with an adapter', async () => {
    const started = await plane.request('POST', '/train/lora', { session_id: 's-1', task_type: 'code-gen', epochs: 3 });
    const id = idOf(started.body);
    await plane.jobWhenDone(id);

    const job = await plane.request('GET', `/jobs/${id}`);

    expect(started).toMatchObject({ status: 200, body: { job_id: id, status: 'queued' } });
    expect(started.headers.get('location')).toBe(`/jobs/${id}`);
    expect(job).toMatchObject({
      status: 200,
      body: { job_id: id, status: 'completed', adapter_id: id, error: null, task_type: 'code-gen' },
    });
    expect(await plane.request('GET', `/adapters/${id}`)).toMatchObject({
      status: 200,
      body: { job_id: id, files: expect.arrayContaining([expect.objectContaining({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })]) },
    });
  });

  test('a hypernetwork job on trajectory t-1 is queued, and its trainer is told what to make of what with what', async () => {
    const started = await plane.request('POST', '/train/hypernetwork', { task_type: 'gen', trajectory_ids: ['t-1'] });
    const id = idOf(started.body);
    await plane.jobWhenDone(id);

    expect(started).toMatchObject({ status: 200, body: { job_id: id, status: 'queued' } });
    expect((await plane.request('GET', `/jobs/${id}`)).body).toMatchObject({ status: 'completed', adapter_id: id, task_type: 'gen' });
    expect(specOf(id)).toMatchObject({ purpose: 'generate', hypernetwork: { kind: 'built-in' } });
    expect(specOf(id).training.dataset.files).toMatchObject([{ sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  });

  test('on a base that has no hypernetwork the job fails saying so', async () => {
    const request = { trajectory_ids: ['t-1'], base_model: 'org/base' };
    const id = idOf((await plane.request('POST', '/train/hypernetwork', request)).body);
    await plane.jobWhenDone(id);

    expect((await plane.request('GET', `/jobs/${id}`)).body).toMatchObject({
      status: 'failed',
      adapter_id: id,
      error: "there is no completed hypernetwork for the base 'org/base'",
      failure: { code: 'no_hypernetwork', remedy: expect.stringContaining('train one first') },
    });
  });

  test('a job that is not there: 404', async () => {
    expect(await plane.request('GET', '/jobs/job-123')).toMatchObject({
      status: 404,
      body: { error: 'Job not found', code: 'run_not_found' },
    });
  });
});

test('a run trains on the rows that its session held when it was created, also after the session was replaced', async () => {
  const put = await plane.request('PUT', '/sessions/mine', '{"text":"one"}\n{"text":"two"}\n', JSON_LINES);
  const id = idOf((await plane.request('POST', '/train/lora', { session_id: 'mine' })).body);
  const replaced = await plane.request('PUT', '/sessions/mine', '{"prompt":"a","completion":"b"}', { 'content-type': 'text/plain' });
  await plane.jobWhenDone(id);

  const { files, uri } = specOf(id).training.dataset;
  const { sha256 } = z.object({ sha256: z.string() }).parse(put.body);

  expect([put.status, replaced.status]).toEqual([201, 200]);
  expect(put.body).toMatchObject({ session_id: 'mine', rows: 2, format: 'text' });
  expect(uri).toBe(`session:mine@${sha256}`);
  expect(files).toMatchObject([{ sha256 }]);
  expect(readFileSync(String(files[0]?.location), 'utf8')).toBe('{"text":"one"}\n{"text":"two"}\n');
  expect((await plane.request('GET', '/sessions/mine')).body).toMatchObject({ format: 'prompt_completion', items: [{ prompt: 'a' }] });
});

test('a session too large to be stored is named by where it lies', async () => {
  await plane.request('PUT', '/sessions/far', { uri: './rows.jsonl' });
  const id = idOf((await plane.request('POST', '/train/lora', { session_id: 'far' })).body);

  expect(await plane.jobWhenDone(id)).toMatchObject({ status: 'completed' });
  expect((await plane.request('GET', '/sessions/far')).body).toMatchObject({ uri: './rows.jsonl', rows: null });
});

test('sessions and trajectories are listed, s-1 and t-1 from the start', async () => {
  await plane.request('PUT', '/trajectories/t-2', {
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ],
  });

  expect((await plane.request('GET', '/sessions')).body).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ session_id: 's-1', rows: 200, format: 'alpaca' })]),
  });
  expect((await plane.request('GET', '/trajectories?limit=1')).body).toMatchObject({ items: [{ trajectory_id: 't-2' }] });
  expect((await plane.request('GET', '/trajectories/t-1')).body).toMatchObject({
    messages: expect.arrayContaining([{ role: 'user', content: expect.any(String) }]),
  });
});

test('of two completed runs with one adapter_id the newer holds it', async () => {
  const start = async () =>
    idOf((await plane.request('POST', '/train/lora', { session_id: 's-1', adapter_id: 'tuned', max_steps: 1 })).body);
  const first = await start();
  await plane.jobWhenDone(first);
  const before = await plane.request('GET', '/adapters/tuned');
  const second = await start();
  await plane.jobWhenDone(second);

  expect(before.body).toMatchObject({ adapter_id: 'tuned', job_id: first });
  expect((await plane.request('GET', '/adapters/tuned')).body).toMatchObject({ job_id: second });
  expect(await plane.request('GET', '/adapters/none')).toMatchObject({ status: 404, body: { code: 'adapter_not_found' } });
});

describe('what cannot be is 422 and says why', () => {
  test.each([
    ['no session', '/train/lora', {}, 'session_id: is required'],
    ['an unknown session', '/train/lora', { session_id: 's-9' }, "session_id: nothing is stored under 's-9'"],
    ['a rank out of range', '/train/lora', { session_id: 's-1', rank: 300, epochs: 0, learning_rate: 2 }, 'rank'],
    ['a key that is not known', '/train/lora', { session_id: 's-1', learing_rate: 1 }, "did you mean 'learning_rate'"],
    ['no trajectory', '/train/hypernetwork', { task_type: 'gen', trajectory_ids: [] }, 'trajectory_ids'],
    ['an unknown trajectory', '/train/hypernetwork', { trajectory_ids: ['t-9'] }, "nothing is stored under 't-9'"],
    ['a hostile name', '/train/lora', { session_id: '../../etc/passwd' }, 'session_id'],
    ['a variable that may not be set', '/train/lora', { session_id: 's-1', env: { LD_PRELOAD: 'x' } }, 'env.LD_PRELOAD'],
  ])('%s', async (_, path, body, detail) => {
    const reply = await plane.request('POST', path, body);

    expect(reply).toMatchObject({ status: 422, body: { code: 'invalid_request', detail: expect.stringContaining(detail) } });
  });

  test('a bad row, by its line', async () => {
    const reply = await plane.request('PUT', '/sessions/bad', '{"text":"a"}\n{"txt":"secret"}\n', JSON_LINES);

    expect(reply).toMatchObject({ status: 422, body: { detail: 'line 2: text is missing' } });
  });

  test('a session over 4 MB: 413', async () => {
    expect(await plane.request('PUT', '/sessions/big', 'x'.repeat(4 * 1_048_576 + 1), JSON_LINES)).toMatchObject({ status: 413 });
  });
});
