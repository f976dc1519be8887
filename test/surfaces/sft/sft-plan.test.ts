/** What a request would become, told before anything starts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start();
});
afterAll(() => plane.close());

const planOf = (config: Readonly<Record<string, unknown>>) =>
  plane.request('POST', '/api/sft/plan', { config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', ...config } });

test('every parameter is resolved, automatic ones with their reason, and the data are counted', async () => {
  const { status, body } = await planOf({ max_steps: 7, output_dir: './outputs/x', env: { EXPERIMENT: 'secret value' } });

  expect(status).toBe(200);
  expect(body).toMatchObject({
    base_model: 'tiny-llama',
    dataset: './rows.jsonl',
    provider: 'local',
    peft_method: 'lora',
    output_dir: './outputs/x',
    parameters: { max_steps: 7, learning_rate: 3e-3, lora_r: 16, lora_alpha: 32, save_steps: null },
    choices: [{ name: 'learning_rate', value: '0.003', reason: expect.stringContaining('tiny-llama') }],
    data: { rows: 20, format: 'alpaca', files: [{ path: 'rows.jsonl', split: 'train', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }] },
    env: ['EXPERIMENT'],
    failure: null,
  });
  expect(JSON.stringify(body)).not.toContain('secret value');
});

test('what it says is what a run of the same request then has', async () => {
  const config = { max_steps: 3, use_qlora: true, lora_r: 4, eval_split: 0.2 };
  const planned = Object(await planOf(config)).body;

  const id = await plane.startJob(config);

  const { body } = await plane.request('GET', `/runs/${id}`);
  expect(body).toMatchObject({ parameters: planned.parameters, choices: planned.choices, peft_method: planned.peft_method });
  await plane.jobWhenDone(id);
});

test('nothing is started, and nothing is kept', async () => {
  const before = Object((await plane.request('GET', '/runs')).body).total;

  await planOf({ max_steps: 1 });

  expect((await plane.request('GET', '/runs')).body).toMatchObject({ total: before });
});

test('a request that would be refused is refused with the same words', async () => {
  const wrong = { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 0, learing_rate: 1 };

  const planned = await plane.request('POST', '/api/sft/plan', { config: wrong });

  const started = await plane.request('POST', '/api/sft/train', { config: wrong });
  expect(planned).toMatchObject({ status: 400, body: Object(started.body) });
});

test.each([
  [{ dataset_name: './gone.jsonl' }, 'dataset_not_found', /'\.\/gone\.jsonl' is not there/],
  [{ dataset_name: 'dataset:gone' }, 'dataset_not_found', /no dataset 'gone'/],
  [{ dataset_name: './bad.jsonl' }, 'data_row_invalid', /bad\.jsonl: line 2 must be JSON/],
  [{ base_model: './no-model' }, 'model_not_found', /no-model/],
])('what would end the run before it trains is told (%o)', async (config, code, message) => {
  writeFileSync(join(plane.environment.dataRoot, 'bad.jsonl'), '{"text": "a"}\nno row\n');

  const { status, body } = await planOf(config);

  expect(status).toBe(200);
  expect(body).toMatchObject({ failure: { code, message: expect.stringMatching(message), remedy: expect.any(String) } });
});

test('a stored dataset is counted when it was stored, and a hub dataset by the trainer', async () => {
  await plane.request('PUT', '/datasets/poems', [{ text: 'one' }, { text: 'two' }]);

  const stored = await planOf({ dataset_name: 'dataset:poems' });
  const hub = await planOf({ dataset_name: 'tatsu-lab/alpaca' });

  expect(stored.body).toMatchObject({ data: { rows: 2, format: 'text' }, failure: null });
  expect(hub.body).toMatchObject({ dataset: 'tatsu-lab/alpaca', data: null, failure: null });
});

test('a saved configuration is planned with what is laid over it', async () => {
  const saved = await plane.request('POST', '/api/sft/configs', {
    name: 'base',
    config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 50, lora_r: 8 },
  });

  const { body } = await plane.request('POST', '/api/sft/plan', { config: { config_id: Object(saved.body).config_id, max_steps: 5 } });

  expect(body).toMatchObject({ parameters: { max_steps: 5, lora_r: 8 } });
});
