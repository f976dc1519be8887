/** Many callers at once, on one plane that starts nothing: what was answered is there, in every API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({}, { TUNEPLANE_MAX_RUNS: '0' });
});
afterAll(() => plane.close());

const EACH = 40;
const WAYS: readonly (readonly [string, (index: number) => unknown])[] = [
  ['/train/lora', () => ({ session_id: 's-1' })],
  [
    '/train',
    (index) => ({
      framework: 'hf',
      model_id: 'tiny-llama',
      run_id: `many-${index}`,
      checkpoint_base_uri: './runs',
      dataset_uri: './rows.jsonl',
    }),
  ],
  ['/api/training/jobs', () => ({ base_model: 'tiny-llama', dataset: './rows.jsonl' })],
  ['/projects/proj_default/runs', () => ({ dataset: './rows.jsonl', model_parameters: { base_model: 'tiny-llama' } })],
  ['/api/sft/train', () => ({ config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl' } })],
];
const createdSchema = z.looseObject({ job_id: z.string().optional(), id: z.string().optional() });
const pageSchema = z.object({ items: z.array(z.looseObject({ id: z.string() })), next: z.string().nullable() });

test(`${EACH * WAYS.length} creations at once through five APIs lose nothing`, async () => {
  const replies = await Promise.all(
    WAYS.flatMap(([path, body]) => Array.from({ length: EACH }, (_, index) => plane.request('POST', path, body(index)))),
  );
  const ids = replies.map(({ body }) => createdSchema.parse(body)).map(({ job_id, id }) => job_id ?? id ?? '');

  expect(replies.filter(({ status }) => status >= 300)).toEqual([]);
  expect(new Set(ids).size).toBe(EACH * WAYS.length);
  const { body } = await plane.request('GET', '/api/training/jobs?limit=1');
  expect(body).toMatchObject({ total: EACH * WAYS.length });
  const listed: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page = pageSchema.parse((await plane.request('GET', `/runs?limit=50${next && `&after=${next}`}`)).body);
    listed.push(...page.items.map(({ id }) => id));
    next = page.next;
  }
  expect(listed.toSorted()).toEqual(ids.toSorted());
});
