/** A run made through any API is read, stopped and resumed through the others; every creation says where it can be read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.02 }, { TUNEPLANE_MAX_RUNS: '8' });
});
afterAll(() => plane.close());

const STEPS = 2_000;
const idSchema = z.union([
  z.object({ job_id: z.string() }).transform(({ job_id }) => job_id),
  z.object({ id: z.string() }).transform(({ id }) => id),
]);

async function created(path: string, body: unknown): Promise<string> {
  const reply = await plane.request('POST', path, body);
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
  const location = reply.headers.get('location');
  expect((await plane.request('GET', String(location))).status).toBe(200);
  return idSchema.parse(reply.body);
}

const WAYS: Readonly<Record<string, () => Promise<string>>> = {
  'training-svc': () => created('/train/lora', { session_id: 's-1', max_steps: STEPS }),
  'unified-trainer': () =>
    created('/train', {
      framework: 'hf',
      model_id: 'tiny-llama',
      run_id: 'across',
      checkpoint_base_uri: './runs',
      dataset_uri: './rows.jsonl',
      extra_args: { max_steps: STEPS },
    }),
  orchestrator: async () => {
    const id = await created('/api/training/jobs', {
      base_model: 'tiny-llama',
      dataset: './rows.jsonl',
      hyperparameters: { max_steps: STEPS },
    });
    await plane.request('POST', `/api/training/jobs/${id}/submit`, { provider: 'local' });
    return id;
  },
  management: () =>
    created('/projects/proj_default/runs', {
      dataset: './rows.jsonl',
      model_parameters: { base_model: 'tiny-llama', max_steps: STEPS },
    }),
  sft: () => created('/api/sft/train', { config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: STEPS } }),
};

const readPaths = (id: string): string[] => [
  `/jobs/${id}`,
  `/train/${id}`,
  `/api/training/jobs/${id}/status`,
  `/projects/proj_default/runs/${id}`,
  `/api/sft/jobs/${id}`,
  `/runs/${id}`,
];
const wordSchema = z.looseObject({ status: z.string().optional(), state: z.string().optional() });

async function wordsOf(id: string): Promise<string[]> {
  const replies = await Promise.all(readPaths(id).map((path) => plane.request('GET', path)));
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  return replies.map(({ body }) => {
    const { status, state } = wordSchema.parse(body);
    return status ?? state ?? '';
  });
}

describe.each(Object.keys(WAYS))('a run made through %s', (api) => {
  test('is read in every API with the right word, stopped in another, and resumed in management', async () => {
    const id = (await WAYS[api]?.()) ?? '';
    await plane.jobWhen(id, (job) => job.status === 'running' && (job.progress?.step ?? 0) > 1);
    const running = await wordsOf(id);

    const stop = api === 'sft' ? `/api/training/jobs/${id}/cancel` : `/api/sft/jobs/${id}/stop`;
    expect((await plane.request('POST', stop)).status).toBe(200);
    await plane.jobWhenDone(id);
    const stopped = await wordsOf(id);

    expect(running).toEqual(Array.from({ length: 6 }, () => 'running'));
    expect(stopped).toEqual(['stopped', 'failed', 'stopped', 'cancelled', 'stopped', 'stopped']);
    const { items } = z
      .object({ items: z.array(z.object({ id: z.string(), type: z.string() })) })
      .parse((await plane.request('GET', `/projects/proj_default/runs/${id}/artifacts`)).body);
    const checkpoint = items.find(({ type }) => type === 'checkpoint')?.id;
    const resumed = await created(`/projects/proj_default/runs/${id}/resume?source_artifact_id=${checkpoint}`, {});
    await plane.jobWhen(resumed, (job) => job.status === 'running');
    expect((await plane.request('GET', `/runs/${resumed}`)).body).toMatchObject({ attempts: [{ resumed_from_step: expect.any(Number) }] });
    await plane.request('POST', `/api/sft/jobs/${resumed}/stop`);
    await plane.jobWhenDone(resumed);
  });
});

test('the served OpenAPI document has every API, and each operation a name of its own', async () => {
  const document = z
    .looseObject({
      tags: z.array(z.looseObject({ name: z.string() })),
      paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string(), tags: z.array(z.string()) }))),
    })
    .parse((await plane.request('GET', '/openapi.json')).body);

  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const names = operations.map(({ operationId }) => operationId);

  expect(new Set(names).size).toBe(names.length);
  for (const api of ['training-svc', 'unified-trainer', 'orchestrator', 'management', 'sft', 'runs', 'platform']) {
    expect(
      operations.some(({ tags }) => tags.includes(api)),
      api,
    ).toBe(true);
  }
});

test("an API's errors have its own fields and statuses, also on paths that no route takes", async () => {
  expect(await plane.request('PATCH', '/api/training/jobs/x')).toMatchObject({
    status: 405,
    body: { code: 'method_not_allowed', job_id: 'x' },
  });
  expect(await plane.request('GET', '/api/training/nothing')).toMatchObject({ status: 404, body: { code: 'route_not_found' } });
  for (const [path, status] of [
    ['/train/lora', 422],
    ['/train', 400],
    ['/api/training/jobs', 400],
    ['/projects', 422],
    ['/api/sft/train', 400],
  ] as const) {
    expect(await plane.request('POST', path, '{"torn":')).toMatchObject({ status, body: { code: 'invalid_request' } });
    expect(await plane.request('POST', path)).toMatchObject({ status });
  }
});

test.each([
  ['/train/lora', { session_id: 's-1', max_steps: 1 }],
  [
    '/train',
    {
      framework: 'hf',
      model_id: 'tiny-llama',
      run_id: 'keyed',
      checkpoint_base_uri: './runs',
      dataset_uri: './rows.jsonl',
      extra_args: { max_steps: 1 },
    },
  ],
  ['/api/training/jobs', { base_model: 'tiny-llama', dataset: './rows.jsonl' }],
  ['/projects', { name: 'once' }],
  ['/projects/proj_default/runs', { dataset: './rows.jsonl', model_parameters: { base_model: 'tiny-llama', max_steps: 1 } }],
])('an Idempotency-Key on POST %s makes one thing of many calls at once', async (path, body) => {
  const headers = { 'idempotency-key': `key of ${path}` };
  const call = () => plane.request('POST', path, body, headers);

  const replies = await Promise.all(Array.from({ length: 12 }, call));
  const again = await call();

  const answered = [...replies, again].filter(({ status }) => status < 300);
  expect(answered.length).toBeGreaterThan(0);
  expect(new Set(answered.map((reply) => idSchema.parse(reply.body))).size).toBe(1);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await plane.request('POST', path, { ...body, name: 'x', method: 'sft' }, headers)).toMatchObject({
    status: expect.toBeOneOf([400, 422]),
  });
  const trains = path !== '/projects' && path !== '/api/training/jobs';
  if (trains) await plane.jobWhenDone(idSchema.parse(again.body));
});
