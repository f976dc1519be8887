/** Our own reads over HTTP, on a plane whose trainer is the real supervisor with a torch-free engine. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  artifactListResponse,
  checkpointDetailResponse,
  checkpointListResponse,
  eventListResponse,
  fileLinkResponse,
  logsResponse,
  metricsResponse,
  runDetailResponse,
  runListResponse,
} from '#surfaces/runs/schemas.ts';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02, sampleEvery: 5, saveSteps: 5 });
});
afterAll(() => plane.close());

const read = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
  const response = await fetch(plane.url + path, { headers });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    link: response.headers.get('link'),
    text: await response.text(),
  };
};
const detailOf = async (id: string) => runDetailResponse.parse((await plane.request('GET', `/runs/${id}`)).body);

describe('a run', () => {
  test('made through the SFT API reads in full: what was asked, what was chosen, attempts, checkpoints, samples, result', async () => {
    const id = await plane.startJob({ max_steps: 10, learning_rate: 1e-3 });
    await plane.jobWhenDone(id);

    const run = await detailOf(id);

    expect(run).toMatchObject({
      id,
      api: 'sft',
      project_id: 'proj_default',
      state: 'completed',
      base_model: 'tiny-llama',
      dataset: './rows.jsonl',
      peft_method: 'lora',
      request: { max_steps: 10, learning_rate: 1e-3 },
      parameters: { max_steps: 10, learning_rate: 1e-3, lora_r: 16, save_steps: null },
      attempts: [{ number: 1, outcome: 'completed', resumed_from_step: null, log_lines: expect.any(Number) }],
      progress: { fraction: 1, step: 10, eta_seconds: null },
      failure: null,
      waiting: null,
    });
    expect(run.attempts[0]?.log_lines).toBeGreaterThan(0);
    expect(run.checkpoints.map(({ step }) => step)).toEqual([5, 10]);
    expect(run.choices.map(({ name }) => name)).toContain('precision');
    expect(run.samples?.items.length).toBeGreaterThan(0);
    expect(run.result?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(run.compute_seconds).toBeGreaterThan(0);
  });

  test('that is not there: 404', async () => {
    for (const path of ['/runs/run_x', '/runs/run_x/events'])
      expect(await plane.request('GET', path)).toMatchObject({ status: 404, body: { error: 'Run not found', code: 'run_not_found' } });
  });
});

describe('the list', () => {
  test('filters by state and API, pages newest first, and counts all that match on every page', async () => {
    const failing = [];
    for (let made = 0; made < 3; made++) failing.unshift(await plane.startJob({ dataset_name: 'missing.jsonl' }));
    for (const id of failing) await plane.jobWhenDone(id);

    const first = await plane.request('GET', '/runs?state=failed&api=sft&provider=local&project=proj_default&limit=2');
    const second = await plane.request('GET', `/runs?state=failed&limit=2&after=${failing[1]}`);
    const none = await plane.request('GET', '/runs?state=failed&api=management');

    expect(first.headers.get('link')).toContain(`after=${failing[1]}`);
    expect(runListResponse.parse(first.body)).toMatchObject({
      total: 3,
      next: failing[1],
      items: [{ id: failing[0] }, { id: failing[1] }],
    });
    expect(runListResponse.parse(second.body)).toMatchObject({
      total: 3,
      next: null,
      items: [{ id: failing[2], failure: { code: 'dataset_not_found' } }],
    });
    expect(none.body).toEqual({ items: [], total: 0, next: null });
  });

  test('takes several states at once, and says since when a live run has its place', async () => {
    const live = await plane.startJob({ max_steps: 2_000 });
    await plane.jobWhen(live, ({ status }) => status === 'running');
    const done = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(done);

    const both = runListResponse.parse((await plane.request('GET', '/runs?state=running,completed')).body);
    const repeated = runListResponse.parse((await plane.request('GET', '/runs?state=running&state=paused')).body);

    expect(both.items).toEqual(expect.arrayContaining([expect.objectContaining({ id: live }), expect.objectContaining({ id: done })]));
    expect(both.items.find(({ id }) => id === live)?.attempt_since).toMatch(/Z$/);
    expect(both.items.find(({ id }) => id === done)?.attempt_since).toBeNull();
    expect(repeated.items.map(({ state }) => state)).toEqual(['running']);
    await plane.request('POST', `/runs/${live}/stop`);
    await plane.jobWhenDone(live);
  });

  test('names an unknown filter value and what is allowed: 400', async () => {
    const { status, body } = await plane.request('GET', '/runs?state=runing&limit=0');

    expect(status).toBe(400);
    expect(Object(body).detail).toContain("did you mean 'running'");
    expect(Object(body).detail).toContain('limit');
  });
});

describe('the timeline', () => {
  test('tells the whole story in order, page by page', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);

    const first = await plane.request('GET', `/runs/${id}/events?limit=3`);
    const page = eventListResponse.parse(first.body);
    const rest = eventListResponse.parse((await plane.request('GET', `/runs/${id}/events?after=${page.next}`)).body);

    const all = [...page.items, ...rest.items];
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1));
    expect(all[0]).toMatchObject({ type: 'run-created', state: 'created' });
    expect(all.at(-1)).toMatchObject({ type: 'state-changed', state: 'completed' });
    expect([page.next, rest.next]).toEqual([3, null]);
    expect(first.headers.get('link')).toBe(`</runs/${id}/events?limit=3&after=3>; rel="next"`);
  });

  test('comes as server-sent events, goes on after Last-Event-ID, and ends with 204 when a final run has no more', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);
    const stream = { accept: 'text/event-stream' };

    const all = await read(`/runs/${id}/events`, stream);
    const { version } = await detailOf(id);
    const last = await read(`/runs/${id}/events`, { ...stream, 'last-event-id': String(version - 1) });
    const none = await read(`/runs/${id}/events?after=1`, { ...stream, 'last-event-id': String(version) });
    const wrong = await read(`/runs/${id}/events`, { ...stream, 'last-event-id': 'x' });

    expect(all).toMatchObject({ status: 200, type: 'text/event-stream; charset=utf-8' });
    expect(all.text.startsWith('retry: 1000\n\nid: 1\nevent: run-created\ndata: {"sequence":1,')).toBe(true);
    expect(last.text).toMatch(new RegExp(`^retry: 1000\n\nid: ${version}\nevent: state-changed\ndata: .*"state":"completed".*\n\n$`));
    expect(none).toMatchObject({ status: 204, text: '' });
    expect(wrong).toMatchObject({ status: 400 });
    expect(wrong.text).toContain("Last-Event-ID: must be the sequence of an event, got 'x'");
  });

  test('answers who waits as soon as the next event is there', async () => {
    const id = await plane.startJob({ max_steps: 2_000 });
    await plane.jobWhen(id, ({ status }) => status === 'running');
    const { version } = await detailOf(id);

    const waiting = read(`/runs/${id}/events?after=${version + 1_000}`, { accept: 'text/event-stream', 'last-event-id': String(version) });
    await plane.request('POST', `/api/sft/jobs/${id}/stop`);

    expect((await waiting).text).toContain('id: ');
    await plane.jobWhenDone(id);
  });
});

describe('logs and curves', () => {
  test('a page, a stretch of time, a level and a text of what the trainer wrote', async () => {
    const id = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(id);

    const all = logsResponse.parse((await plane.request('GET', `/runs/${id}/logs?limit=1000`)).body);
    const page = await plane.request('GET', `/runs/${id}/logs?limit=2&after=3`);
    const third = all.items[2]?.timestamp ?? '';
    const until = logsResponse.parse((await plane.request('GET', `/runs/${id}/logs?end=${third}`)).body);
    const since = logsResponse.parse((await plane.request('GET', `/runs/${id}/logs?start=${third.replace('Z', '')}`)).body);
    const steps = logsResponse.parse((await plane.request('GET', `/runs/${id}/logs?q=STEP 7/10&level=INFO`)).body);

    expect(all.items.map(({ line }) => line)).toEqual(all.items.map((_, index) => index + 1));
    expect([all.total, all.next]).toEqual([all.items.length, null]);
    expect(logsResponse.parse(page.body)).toMatchObject({ total: all.total, next: 5, items: [{ line: 4 }, { line: 5 }] });
    expect(page.headers.get('link')).toBe(`</runs/${id}/logs?limit=2&after=5>; rel="next"`);
    expect(until.items).toEqual(all.items.filter(({ timestamp }) => timestamp < third));
    expect((until.total ?? 0) + (since.total ?? 0)).toBe(all.total);
    expect(steps).toMatchObject({ total: null, next: null, items: [{ message: expect.stringContaining('step 7/10') }] });
  });

  test('names, a range of steps and at most so many points', async () => {
    const id = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(id);

    const all = metricsResponse.parse((await plane.request('GET', `/runs/${id}/metrics`)).body);
    const some = metricsResponse.parse(
      (await plane.request('GET', `/runs/${id}/metrics?names=loss,grad_norm&from_step=3&to_step=8&points=2`)).body,
    );

    expect(all.names).toEqual(expect.arrayContaining(['grad_norm', 'learning_rate', 'loss']));
    expect(all.series.map(({ name }) => name)).toEqual(all.names);
    expect(all.series.find(({ name }) => name === 'loss')).toMatchObject({ shown: '10 of 10', total: 10 });
    expect(all.axes.epoch.map(({ step, value }) => [step, value])).toEqual(
      Array.from({ length: 10 }, (_, index) => [index + 1, (index + 1) / 10]),
    );
    expect(all.axes.timestamp.map(({ step }) => step)).toEqual(all.axes.epoch.map(({ step }) => step));
    expect(some.series).toMatchObject([
      {
        name: 'grad_norm',
        shown: '2 of 6',
        points: [
          { from_step: 3, to_step: 5, count: 3 },
          { from_step: 6, to_step: 8, count: 3 },
        ],
      },
      { name: 'loss' },
    ]);
  });

  test('say what a query may hold: 400', async () => {
    const { status, body } = await plane.request('GET', '/runs/run_x/logs?start=yesterday&level=LOUD&limit=5000');

    expect(status).toBe(400);
    for (const part of ['start: must be a time like 2026-02-16T12:00:00Z', 'level', 'limit']) expect(Object(body).detail).toContain(part);
  });
});

describe('what a run made', () => {
  test('is listed with ids and files, and each file is fetched with the bytes that were hashed', async () => {
    const id = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(id);

    const checkpoints = checkpointListResponse.parse((await plane.request('GET', `/runs/${id}/checkpoints`)).body);
    const artifacts = artifactListResponse.parse((await plane.request('GET', `/runs/${id}/artifacts`)).body);

    expect(checkpoints.items.map(({ step }) => step)).toEqual([10, 5]);
    expect(artifacts.items.map(({ id: artifactId }) => artifactId)).toEqual(
      expect.arrayContaining(checkpoints.items.map((checkpoint) => checkpoint.id)),
    );
    const files = artifacts.items.flatMap((item) => item.files);
    expect(files.map(({ path }) => path)).toContain('adapter/adapter_model.safetensors');
    for (const { href, sha256, size_bytes } of files) {
      const bytes = Buffer.from(await (await fetch(plane.url + href)).arrayBuffer());
      expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([size_bytes, sha256]);
    }
    const checkpoint = checkpointDetailResponse.parse((await plane.request('GET', `/runs/${id}/checkpoints/step-000005`)).body);
    expect(checkpoint).toMatchObject({ ...checkpoints.items[1], files: [{ path: 'trainer_state.json' }, { path: 'weights.bin' }] });
    expect(checkpoint.uri).toMatch(new RegExp(`^/.*/runs/${id}/framework=hf/checkpoints/step-000005/?$`));
    const state = await fetch(`${plane.url}${checkpoint.files[0]?.href}`);
    expect(await state.json()).toEqual({ step: 5, attempt: 1 });
    expect(await plane.request('GET', `/runs/${id}/checkpoints/step-000007`)).toMatchObject({
      status: 404,
      body: { code: 'artifact_not_found' },
    });
  });

  test('tells a link to a file to a page that cannot send its token where a browser downloads', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);

    const { status, body } = await plane.request('GET', `/runs/${id}/artifacts/adapter/adapter_config.json?link=true`);
    const link = fileLinkResponse.parse(body);
    const bytes = await (await fetch(plane.url + link.url)).arrayBuffer();

    expect([status, bytes.byteLength]).toEqual([200, link.size_bytes]);
  });

  test('holds nothing else, whatever the path says: 404', async () => {
    const id = await plane.startJob({ max_steps: 1 });
    await plane.jobWhenDone(id);

    for (const path of [
      'adapter/none',
      'adapter',
      '../../config/run.json',
      '..%2f..%2fconfig%2frun.json',
      'checkpoints/step-000001/../../config/secret.key',
      'checkpoints/step-999999/x',
    ])
      expect((await plane.request('GET', `/runs/${id}/artifacts/${path}`)).status, path).toBe(404);
  });
});
