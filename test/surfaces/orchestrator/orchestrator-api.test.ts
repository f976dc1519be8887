/** The orchestrator over HTTP, with the bodies of its document. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 });
});
afterAll(() => plane.close());

const JOBS = '/api/training/jobs';
const idOf = (body: unknown): string => z.object({ job_id: z.string() }).parse(body).job_id;

async function createJob(overrides: Readonly<Record<string, unknown>> = {}, maxSteps = 3): Promise<string> {
  const { status, body } = await plane.request('POST', JOBS, {
    base_model: 'tiny-llama',
    dataset: './rows.jsonl',
    hyperparameters: { max_steps: maxSteps },
    ...overrides,
  });
  expect(status).toBe(201);
  return idOf(body);
}

async function submitJob(maxSteps = 3): Promise<string> {
  const id = await createJob({}, maxSteps);
  expect((await plane.request('POST', `${JOBS}/${id}/submit`, { provider: 'local' })).status).toBe(200);
  return id;
}

describe("the document's examples", () => {
  test('create, submit to local, watch and download', async () => {
    const created = await plane.request('POST', JOBS, {
      name: 'poems',
      base_model: 'tiny-llama',
      dataset: './rows.jsonl',
      peft_method: 'lora',
      hyperparameters: { max_steps: 3 },
      metadata: { team: 'aml' },
    });
    const id = idOf(created.body);
    const submitted = await plane.request('POST', `${JOBS}/${id}/submit`, { provider: 'local' });
    await plane.jobWhenDone(id);
    const status = await plane.request('GET', `${JOBS}/${id}/status`);
    const download = await plane.request('POST', `${JOBS}/${id}/download-artifact`);

    expect(created).toMatchObject({ status: 201, body: { state: 'created', name: 'poems', metadata: { team: 'aml' }, started_at: null } });
    expect(created.headers.get('location')).toBe(`${JOBS}/${id}`);
    expect(submitted).toMatchObject({
      status: 200,
      body: { job_id: id, provider: 'local', provider_job_id: null, state: 'initializing', started_at: null },
    });
    expect(status).toMatchObject({
      status: 200,
      body: {
        job_id: id,
        state: 'completed',
        provider: 'local',
        provider_job_id: `${id}-0001`,
        current_metrics: { step: 3, epoch: 1, loss: expect.any(Number), learning_rate: expect.any(Number) },
        started_at: expect.any(String),
        artifact_info: { job_id: id },
      },
    });
    expect(download).toMatchObject({
      status: 200,
      body: { job_id: id, metadata: { provider: 'local', model_name: 'tiny-llama', peft_method: 'lora' } },
    });
    const artifact = z
      .object({ path: z.string(), size_bytes: z.int(), hash_sha256: z.string(), download_url: z.string() })
      .parse(download.body);
    const fetched = Buffer.from(await (await fetch(new URL(artifact.download_url, plane.url))).arrayBuffer());
    const bytes = readFileSync(artifact.path);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact.hash_sha256);
    expect(bytes.length).toBe(artifact.size_bytes);
    expect(fetched.equals(bytes)).toBe(true);
  });

  test('submitting to a provider that is not configured is 400 and names the setting; an unknown one is 400', async () => {
    const id = await createJob();

    for (const [provider, detail] of [
      [
        'runpod',
        "'runpod' is not configured here: set RUNPOD_API_KEY, TUNEPLANE_TRAINER_IMAGE (by digest), TUNEPLANE_ARTIFACTS (s3://bucket/prefix",
      ],
      ['lambda', 'set LAMBDA_API_KEY'],
      ['vastai', 'set VASTAI_API_KEY'],
      ['cloud9', "must be one of local, aws-batch, runpod, lambda, vastai, got 'cloud9'"],
    ]) {
      expect(await plane.request('POST', `${JOBS}/${id}/submit`, { provider })).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', job_id: id, detail: expect.stringContaining(String(detail)) },
      });
    }
    expect((await plane.request('GET', `${JOBS}/${id}`)).body).toMatchObject({ state: 'created' });
  });

  test('cancel a running job: stopped, and its checkpoint is there', async () => {
    const id = await submitJob(2_000);
    await plane.jobWhen(id, (job) => job.status === 'running' && (job.progress?.step ?? 0) > 1);

    const cancelled = await plane.request('POST', `${JOBS}/${id}/cancel`);
    const again = await plane.request('POST', `${JOBS}/${id}/cancel`);
    await plane.jobWhenDone(id);

    expect(cancelled).toMatchObject({ status: 200, body: { job_id: id, state: 'stopped', message: 'Job cancelled successfully' } });
    expect(again).toMatchObject({ status: 400, body: { code: 'transition_refused', job_id: id } });
    expect((await plane.request('GET', `/runs/${id}`)).body).toMatchObject({ checkpoints: [{ name: expect.stringMatching(/^step-/) }] });
    expect((await plane.request('GET', `${JOBS}/${id}/status`)).body).toMatchObject({ state: 'stopped', completed_at: expect.any(String) });
  });
});

test('a job can be submitted once, and cancelled before that', async () => {
  const [first, second] = [await submitJob(1), await createJob()];
  await plane.jobWhenDone(first);

  const again = await plane.request('POST', `${JOBS}/${first}/submit`, { provider: 'local' });
  const cancelled = await plane.request('POST', `${JOBS}/${second}/cancel`);
  const late = await plane.request('POST', `${JOBS}/${second}/submit`, { provider: 'local' });

  expect(again).toMatchObject({ status: 400, body: { code: 'transition_refused' } });
  expect(cancelled).toMatchObject({ status: 200, body: { state: 'stopped', completed_at: expect.any(String) } });
  expect(late).toMatchObject({ status: 400 });
});

test('pause and resume', async () => {
  const id = await submitJob(2_000);
  await plane.jobWhen(id, (job) => job.status === 'running' && (job.progress?.step ?? 0) > 1);

  const paused = await plane.request('POST', `${JOBS}/${id}/pause`);
  let state = '';
  while (state !== 'paused') state = Object((await plane.request('GET', `${JOBS}/${id}/status`)).body).state;
  const resumed = await plane.request('POST', `${JOBS}/${id}/resume`);
  const early = await plane.request('POST', `${JOBS}/${id}/resume`);
  await plane.request('POST', `${JOBS}/${id}/cancel`);
  await plane.jobWhenDone(id);

  expect([paused.status, resumed.status]).toEqual([200, 200]);
  expect(early).toMatchObject({ status: 400, body: { code: 'transition_refused', job_id: id } });
});

describe('download', () => {
  test('before submission 400, before there is an artifact 404', async () => {
    const created = await createJob();
    const failed = idOf((await plane.request('POST', '/train/hypernetwork', { trajectory_ids: ['t-1'], base_model: 'org/base' })).body);
    await plane.jobWhenDone(failed);

    expect(await plane.request('POST', `${JOBS}/${created}/download-artifact`)).toMatchObject({
      status: 400,
      body: { code: 'not_submitted' },
    });
    expect(await plane.request('POST', `${JOBS}/${failed}/download-artifact`)).toMatchObject({
      status: 404,
      body: { code: 'artifact_unavailable', job_id: failed },
    });
  });

  test('of bytes that changed is an error and an event', async () => {
    const id = await submitJob(1);
    await plane.jobWhenDone(id);
    const { path } = z.object({ path: z.string() }).parse((await plane.request('POST', `${JOBS}/${id}/download-artifact`)).body);
    appendFileSync(path, 'x');

    const reply = await plane.request('POST', `${JOBS}/${id}/download-artifact`);

    expect(reply).toMatchObject({ status: 500, body: { code: 'artifact_corrupt', job_id: id } });
    expect((await plane.request('GET', `/runs/${id}/events`)).body).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ type: 'warning-raised', code: 'artifacts_corrupt' })]),
    });
  });
});

describe('the list', () => {
  test('filters by state and provider, with an exact total on every page', async () => {
    await using fresh = await ScriptedPlane.start({}, { TUNEPLANE_MAX_RUNS: '0' });
    const create = async (): Promise<string> =>
      idOf((await fresh.request('POST', JOBS, { base_model: 'tiny-llama', dataset: './rows.jsonl' })).body);
    const ids = [await create(), await create(), await create()];
    await fresh.request('POST', `${JOBS}/${ids[0]}/submit`, { provider: 'local' });

    const created = await fresh.request('GET', `${JOBS}?state=created&limit=1`);
    const next = await fresh.request('GET', `${JOBS}?state=created&limit=1&after=${ids[2]}`);
    const initializing = await fresh.request('GET', `${JOBS}?state=initializing&provider=local`);
    const elsewhere = await fresh.request('GET', `${JOBS}?provider=runpod`);

    expect(created.body).toMatchObject({ total: 2, jobs: [{ job_id: ids[2], state: 'created' }] });
    expect(created.headers.get('link')).toContain('rel="next"');
    expect(next.body).toMatchObject({ total: 2, jobs: [{ job_id: ids[1] }] });
    expect(next.headers.get('link')).toBeNull();
    expect(initializing.body).toMatchObject({ total: 1, jobs: [{ job_id: ids[0] }] });
    expect(elsewhere.body).toEqual({ jobs: [], total: 0 });
  });

  test.each(['state=sleeping', 'provider=cloud9', 'limit=0', 'limit=1001'])('%s: 400, job_id null', async (query) => {
    expect(await plane.request('GET', `${JOBS}?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_request', job_id: null } });
  });
});

test.each([
  ['GET', ''],
  ['GET', '/status'],
  ['POST', '/cancel'],
  ['POST', '/pause'],
  ['POST', '/resume'],
  ['POST', '/download-artifact'],
])('%s of an unknown job%s: 404 with its id', async (method, path) => {
  expect(await plane.request(method, `${JOBS}/my_job_123${path}`)).toMatchObject({
    status: 404,
    body: { error: 'Job not found', code: 'run_not_found', job_id: 'my_job_123' },
  });
});
