/** The management API over HTTP, with the bodies of its document. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 });
});
afterAll(() => plane.close());

const PROJECT = {
  name: 'Text Summarization',
  description: 'Summarize scientific articles',
  objective: 'Reduce reading time',
  task_type: 'summarization',
  base_model: 'llama-2-13b',
  owner: 'alice',
  tags: ['research', 'phase-1'],
  default_hyperparameters: { learning_rate: 3e-5, batch_size: 16 },
};
const RUN = {
  name: 'run-001',
  description: 'Fine-tune on curated dataset',
  dataset: 's3://datasets/articles.jsonl',
  model_parameters: { max_steps: 10000, eval_interval: 500 },
  hyperparameters: { learning_rate: 2e-5, batch_size: 32, gradient_accumulation: 2 },
  compute: { node_count: 2, gpus_per_node: 8, gpu_type: 'A100-80GB' },
};
const idOf = (body: unknown): string => z.object({ id: z.string() }).parse(body).id;
const artifactSchema = z.object({ id: z.string(), type: z.string(), name: z.string(), tags: z.array(z.unknown()), size_bytes: z.int() });
const itemsSchema = z.object({ items: z.array(artifactSchema) });

async function aProject(overrides: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return idOf((await plane.request('POST', '/projects', { ...PROJECT, base_model: 'tiny-llama', ...overrides })).body);
}

async function aRun(project: string, maxSteps = 3, overrides: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const reply = await plane.request('POST', `/projects/${project}/runs`, {
    name: 'run-001',
    dataset: './rows.jsonl',
    model_parameters: { max_steps: maxSteps },
    hyperparameters: { save_steps: 2 },
    ...overrides,
  });
  expect(reply.status).toBe(201);
  return idOf(reply.body);
}

const artifactsOf = async (path: string) => itemsSchema.parse((await plane.request('GET', `${path}/artifacts`)).body).items;

describe("the document's examples", () => {
  test('a project as printed is a draft without runs, and is listed', async () => {
    const created = await plane.request('POST', '/projects', PROJECT);
    const id = idOf(created.body);
    const list = await plane.request('GET', '/projects?limit=1');

    expect(created).toMatchObject({ status: 201, body: { ...PROJECT, status: 'draft', runs: [], created_at: expect.any(String) } });
    expect(created.headers.get('location')).toBe(`/projects/${id}`);
    expect(list.body).toEqual([{ id, name: PROJECT.name, status: 'draft', owner: 'alice', created_at: Object(created.body).created_at }]);
    expect(list.headers.get('link')).toContain('rel="next"');
  });

  test('a run as printed is accepted and ends cleanly, because nothing of it is here', async () => {
    const project = idOf((await plane.request('POST', '/projects', PROJECT)).body);
    const created = await plane.request('POST', `/projects/${project}/runs`, RUN);
    await plane.jobWhenDone(idOf(created.body));

    expect(created).toMatchObject({
      status: 201,
      body: { project_id: project, name: 'run-001', status: 'queued', progress: 0, metrics: null, artifacts: [] },
    });
    expect((await plane.request('GET', `/projects/${project}/runs/${idOf(created.body)}`)).body).toMatchObject({
      status: 'failed',
      failure: { code: 'data_unreachable', remedy: expect.any(String) },
    });
  });

  test('a run with model, data and compute that are here trains, and its project is active and counts it', async () => {
    const project = await aProject();
    const id = await aRun(project);
    await plane.jobWhenDone(id);

    const run = await plane.request('GET', `/projects/${project}/runs/${id}`);
    const detail = await plane.request('GET', `/projects/${project}`);

    expect(run.body).toMatchObject({
      id,
      project_id: project,
      name: 'run-001',
      status: 'completed',
      progress: 1,
      metrics: { loss: expect.any(Number), accuracy: null, throughput_tokens_per_s: expect.any(Number), gpu_utilization: null },
      started_at: expect.any(String),
      completed_at: expect.any(String),
      artifacts: expect.arrayContaining([
        expect.objectContaining({ name: 'Checkpoint @ step 2', type: 'checkpoint', tags: [] }),
        expect.objectContaining({ type: 'adapter' }),
      ]),
    });
    expect(detail.body).toMatchObject({
      status: 'active',
      runs: [{ id, project_id: project, status: 'completed', progress: 1 }],
      run_counts: { queued: 0, running: 0, paused: 0, completed: 1, failed: 0, cancelled: 0 },
    });
  });

  test('cancel a running run: its final checkpoint is in the answer; a second cancel is 409', async () => {
    const project = await aProject();
    const id = await aRun(project, 2_000, { hyperparameters: {} });
    await plane.jobWhen(id, (job) => job.status === 'running' && (job.progress?.step ?? 0) > 1);

    const cancelled = await plane.request('POST', `/projects/${project}/runs/${id}/cancel`);
    const again = await plane.request('POST', `/projects/${project}/runs/${id}/cancel`);
    await plane.jobWhenDone(id);

    expect(cancelled).toMatchObject({
      status: 200,
      body: { id, status: 'cancelled', artifacts: expect.arrayContaining([expect.objectContaining({ name: 'Checkpoint before cancel' })]) },
    });
    expect(again).toMatchObject({ status: 409, body: { code: 'transition_refused' } });
    expect((await plane.request('GET', `/projects/${project}/runs/${id}`)).body).toMatchObject({
      status: 'cancelled',
      completed_at: expect.any(String),
    });
  });

  test('logs in pages, ascending; the page after the last is empty; a time filter is half-open', async () => {
    const project = await aProject();
    const id = await aRun(project);
    await plane.jobWhenDone(id);
    const logs = `/projects/${project}/runs/${id}/logs`;
    const logSchema = z.looseObject({
      total: z.int(),
      items: z.array(z.object({ timestamp: z.string(), level: z.string(), message: z.string() })),
    });

    const first = logSchema.parse((await plane.request('GET', `${logs}?page_size=3`)).body);
    const all = logSchema.parse((await plane.request('GET', `${logs}?page_size=500`)).body);
    const beyond = await plane.request('GET', `${logs}?page=1000&page_size=500`);
    const start = String(all.items[2]?.timestamp);
    const from = logSchema.parse((await plane.request('GET', `${logs}?page_size=500&start_time=${start}`)).body);
    const before = logSchema.parse((await plane.request('GET', `${logs}?page_size=500&end_time=${start}`)).body);

    expect(first).toMatchObject({ page: 1, page_size: 3, total: all.total });
    expect(first.items).toEqual(all.items.slice(0, 3));
    expect(all.items).toHaveLength(all.total);
    expect(beyond.body).toMatchObject({ page: 1000, total: all.total, items: [] });
    expect(from.total + before.total).toBe(all.total);
    expect(from.items.every(({ timestamp }) => timestamp >= start)).toBe(true);
    expect(before.items.every(({ timestamp }) => timestamp < start)).toBe(true);
  });

  test('resume from a checkpoint: a new run with the configuration of the old, and the body over it', async () => {
    const project = await aProject();
    const source = await aRun(project, 4);
    await plane.jobWhenDone(source);
    const path = `/projects/${project}/runs/${source}`;
    const checkpoint = (await artifactsOf(path)).find(({ name }) => name === 'Checkpoint @ step 2');

    const resumed = await plane.request('POST', `${path}/resume?source_artifact_id=${checkpoint?.id}`, {
      name: 'run-002',
      hyperparameters: { max_steps: 6, lr: 1e-3 },
    });
    const id = idOf(resumed.body);
    await plane.jobWhenDone(id);

    expect(resumed).toMatchObject({
      status: 201,
      body: { project_id: project, name: 'run-002', status: 'queued', resumed_from: checkpoint?.id, artifacts: [] },
    });
    expect(resumed.headers.get('location')).toBe(`/projects/${project}/runs/${id}`);
    expect((await plane.request('GET', `/runs/${id}`)).body).toMatchObject({
      state: 'completed',
      parameters: { max_steps: 6, learning_rate: 1e-3, batch_size: 16, save_steps: 2 },
      attempts: [{ resumed_from_step: 2 }],
    });
    expect((await plane.request('GET', `/runs/${source}/events?limit=1000`)).body).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ type: 'checkpoint-pinned' })]),
    });
  });

  test('tags accumulate in order, the same again is a new entry', async () => {
    const project = await aProject();
    const id = await aRun(project);
    await plane.jobWhenDone(id);
    const path = `/projects/${project}/runs/${id}`;
    const [artifact] = (await artifactsOf(path)).filter(({ type }) => type === 'checkpoint');
    const notes = 'Validated on hold-out set with BLEU 32.5';

    await plane.request('POST', `${path}/artifacts/${artifact?.id}/tag`, { tag: 'candidate' });
    await plane.request('POST', `${path}/artifacts/${artifact?.id}/tag`, { tag: 'release', notes });
    const tagged = await plane.request('POST', `${path}/artifacts/${artifact?.id}/tag`, { tag: 'release', notes });

    expect(tagged).toMatchObject({
      status: 200,
      body: {
        id: artifact?.id,
        tags: [
          { value: 'candidate', notes: null },
          { value: 'release', notes, applied_at: expect.any(String) },
          { value: 'release', notes },
        ],
      },
    });
    expect((await artifactsOf(path)).find(({ id: one }) => one === artifact?.id)?.tags).toHaveLength(3);
    expect(await plane.request('POST', `${path}/artifacts/${artifact?.id}/tag`, { tag: 'best' })).toMatchObject({ status: 422 });
  });
});

test("a run takes the project's defaults where it says nothing", async () => {
  const project = await aProject({ default_hyperparameters: { learning_rate: 1e-4, max_steps: 1 } });
  const id = idOf(
    (await plane.request('POST', `/projects/${project}/runs`, { dataset: './rows.jsonl', hyperparameters: { lr: 2e-4 } })).body,
  );
  await plane.jobWhenDone(id);

  expect((await plane.request('GET', `/runs/${id}`)).body).toMatchObject({ parameters: { learning_rate: 2e-4, max_steps: 1 } });
});

test('edits are kept in the history, also those made at the same time', async () => {
  const project = await aProject();

  const replies = await Promise.all([
    plane.request('PATCH', `/projects/${project}`, { owner: 'bob' }),
    plane.request('PATCH', `/projects/${project}`, { tags: ['x'] }),
    plane.request('PATCH', `/projects/${project}`, { objective: null }),
  ]);
  const detail = await plane.request('GET', `/projects/${project}`);

  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(detail.body).toMatchObject({ owner: 'bob', tags: ['x'], objective: null, name: PROJECT.name });
  const { history } = z.object({ history: z.array(z.object({ changes: z.array(z.unknown()) })) }).parse(detail.body);
  expect(history).toHaveLength(3);
  expect(history.flatMap(({ changes }) => changes)).toContainEqual({ field: 'owner', from: 'alice', to: 'bob' });
  expect(await plane.request('PATCH', `/projects/${project}`, {})).toMatchObject({ status: 422 });
});

test('runs of other APIs belong to proj_default, and are read and cancelled here', async () => {
  const id = await plane.startJob({ max_steps: 2_000 });
  await plane.jobWhen(id, (job) => job.status === 'running');

  const run = await plane.request('GET', `/projects/proj_default/runs/${id}`);
  const cancelled = await plane.request('POST', `/projects/proj_default/runs/${id}/cancel`);
  await plane.jobWhenDone(id);

  expect(run).toMatchObject({ status: 200, body: { name: id, project_id: 'proj_default', status: 'running' } });
  expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  expect((await plane.request('GET', '/projects/proj_default')).body).toMatchObject({ name: 'Default', status: 'active' });
  const all = z.array(z.object({ id: z.string() })).parse((await plane.request('GET', '/projects')).body);
  expect(all.at(-1)?.id).toBe('proj_default');
});

describe('what cannot be', () => {
  test.each([
    ['GET', '/projects/proj_none', 'project_not_found'],
    ['PATCH', '/projects/proj_none', 'project_not_found'],
    ['POST', '/projects/proj_none/runs', 'project_not_found'],
    ['GET', '/projects/proj_none/runs/x', 'project_not_found'],
    ['GET', '/projects/proj_default/runs/run_none', 'run_not_found'],
    ['GET', '/projects/proj_default/runs/run_none/logs', 'run_not_found'],
    ['POST', '/projects/proj_default/runs/run_none/cancel', 'run_not_found'],
  ])('%s %s: 404', async (method, path, code) => {
    const body = path.endsWith('/cancel') ? undefined : { POST: { dataset: './rows.jsonl' }, PATCH: { owner: 'x' } }[method];

    expect(await plane.request(method, path, body)).toMatchObject({ status: 404, body: { code } });
  });

  test('a run of another project is not in this one', async () => {
    const project = await aProject();
    const id = await aRun(await aProject(), 1);
    await plane.jobWhenDone(id);

    expect(await plane.request('GET', `/projects/${project}/runs/${id}`)).toMatchObject({ status: 404, body: { code: 'run_not_found' } });
  });

  test('resuming from an unknown artifact is 404, from another run or from no checkpoint 422', async () => {
    const project = await aProject();
    const [one, other] = [await aRun(project), await aRun(project)];
    for (const id of [one, other]) await plane.jobWhenDone(id);
    const resume = (artifact: string) =>
      plane.request('POST', `/projects/${project}/runs/${one}/resume?source_artifact_id=${artifact}`, {});
    const [ofOther] = (await artifactsOf(`/projects/${project}/runs/${other}`)).filter(({ type }) => type === 'checkpoint');
    const [adapter] = (await artifactsOf(`/projects/${project}/runs/${one}`)).filter(({ type }) => type === 'adapter');

    expect(await resume('ckpt_001')).toMatchObject({ status: 404, body: { code: 'artifact_not_found' } });
    expect(await resume(String(ofOther?.id))).toMatchObject({ status: 422, body: { code: 'not_a_checkpoint' } });
    expect(await resume(String(adapter?.id))).toMatchObject({ status: 422, body: { code: 'not_a_checkpoint' } });
    expect(await plane.request('POST', `/projects/${project}/runs/${one}/resume`, {})).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining('source_artifact_id: is required') },
    });
  });

  test.each([
    ['no dataset', {}, 'dataset: is required'],
    ['an unknown key', { dataset: 'x.jsonl', hyperparameters: { lerning_rate: 1 } }, "did you mean 'learning_rate'"],
    [
      'one value in both places',
      { dataset: 'x.jsonl', model_parameters: { lr: 0.1 }, hyperparameters: { learning_rate: 0.2 } },
      'is given in model_parameters too',
    ],
    ['a provider that is not configured', { dataset: 'x.jsonl', provider: 'runpod' }, 'set RUNPOD_API_KEY'],
  ])('a run with %s: 422', async (_, body, detail) => {
    const project = await aProject();

    expect(await plane.request('POST', `/projects/${project}/runs`, body)).toMatchObject({
      status: 422,
      body: { code: 'invalid_request', detail: expect.stringContaining(detail) },
    });
  });

  test.each(['page=0', 'page_size=501', 'start_time=yesterday'])('logs with %s: 422', async (query) => {
    expect(await plane.request('GET', `/projects/proj_default/runs/x/logs?${query}`)).toMatchObject({ status: 422 });
  });
});
