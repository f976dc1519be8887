import { expect, test } from 'vitest';
import { planRun, type RunRequest } from '#domain/run-request.ts';

const AT = { base: 'config.base_model', dataset: 'config.dataset_name', prefix: 'config.' };
const plan = (overrides: Partial<RunRequest>) =>
  planRun({ baseModel: 'tiny-llama', dataset: 'data.jsonl', peftMethod: 'lora', hyperparameters: {}, ...overrides }, AT);

test.each([
  ['tiny-llama', { kind: 'tiny-llama' }],
  ['gpt2', { kind: 'hub', id: 'gpt2', commit: null }],
  ['meta-llama/Llama-3.1-8B', { kind: 'hub', id: 'meta-llama/Llama-3.1-8B', commit: null }],
  ['./models/mine', { kind: 'path', path: './models/mine' }],
])("the base model '%s'", (name, expected) => {
  expect(plan({ baseModel: name })).toMatchObject({ problems: [], plan: { training: { baseModel: expected } } });
});

test.each([
  ['examples/alpaca.jsonl', { kind: 'files', uri: 'examples/alpaca.jsonl', files: [] }],
  ['./rows/', { kind: 'files', uri: './rows/', files: [] }],
  ['s3://bucket/rows', { kind: 'files', uri: 's3://bucket/rows', files: [] }],
  ['tatsu-lab/alpaca', { kind: 'hub', id: 'tatsu-lab/alpaca', commit: null }],
])("the dataset '%s'", (name, expected) => {
  expect(plan({ dataset: name })).toMatchObject({ problems: [], plan: { training: { dataset: expected } } });
});

test.each(['../secret.jsonl', 'a/../../b.jsonl', 'a b', 'x/y/z', 'a\0.jsonl', '..\\x.jsonl', ''])(
  "refuses the dataset '%s' and names the field",
  (name) => {
    expect(plan({ dataset: name }).problems).toMatchObject([{ path: 'config.dataset_name' }]);
  },
);

test.each([
  ['tiny-llama', 'lora', 3e-3],
  ['gpt2', 'lora', 2e-4],
  ['gpt2', 'full', 2e-5],
] as const)('without a learning rate %s with %s takes %d, and says why', (baseModel, peftMethod, rate) => {
  const { training, choices } = plan({ baseModel, peftMethod }).plan;

  expect(training.hyperparameters.learningRate).toBe(rate);
  expect(choices).toMatchObject([{ name: 'learning_rate', value: String(rate) }]);
});

test('a given learning rate is used as it is, and is no choice of ours', () => {
  const { training, choices } = plan({ hyperparameters: { lr: 0.5 } }).plan;

  expect(training.hyperparameters.learningRate).toBe(0.5);
  expect(choices).toEqual([]);
});

test.each([
  ['lr', 'learning_rate', 0.1],
  ['epochs', 'num_epochs', 2],
  ['rank', 'lora_r', 4],
  ['gradient_accumulation', 'gradient_accumulation_steps', 2],
  ['max_seq_len', 'max_seq_length', 64],
  ['eval_interval', 'eval_steps', 5],
])("'%s' is another name of '%s', and not both at once", (alias, name, value) => {
  expect(plan({ hyperparameters: { [alias]: value } }).plan.training).toEqual(plan({ hyperparameters: { [name]: value } }).plan.training);
  expect(plan({ hyperparameters: { [alias]: value, [name]: value } }).problems).toEqual([
    { path: `config.${alias}`, message: `is another name of '${name}', which is given too` },
  ]);
});

test('lora_alpha follows lora_r, and keep_best true is one', () => {
  const { hyperparameters } = plan({ hyperparameters: { lora_r: 8, keep_best: true } }).plan.training;

  expect(hyperparameters).toMatchObject({ loraR: 8, loraAlpha: 16, keepBest: 1 });
});

test('all problems come at once', () => {
  const { problems } = plan({
    baseModel: '../x',
    dataset: '../y.jsonl',
    peftMethod: 'full',
    export: ['adapter', 'merged'],
    hyperparameters: { wandb_project: 'p' },
  });

  expect(problems.map(({ path }) => path)).toEqual(['config.base_model', 'config.dataset_name', 'config.wandb_project', 'config.export']);
});

test('preferences train with dpo and nothing else does, and the rate is lower by itself', () => {
  expect(plan({ method: 'dpo' })).toMatchObject({
    problems: [],
    plan: { training: { method: 'dpo', hyperparameters: { dpoBeta: 0.1, learningRate: 1e-3 } } },
  });
  expect(plan({ method: 'dpo', baseModel: 'gpt2' }).plan.training.hyperparameters.learningRate).toBe(1e-5);
  expect(plan({ method: 'dpo', dataset_format: 'alpaca' }).problems).toEqual([
    { path: 'config.dataset_format', message: "must be 'preference' with method 'dpo', got 'alpaca'" },
  ]);
  expect(plan({ dataset_format: 'preference', hyperparameters: { dpo_beta: 1 } }).problems).toEqual([
    { path: 'config.dataset_format', message: "'preference' needs method 'dpo'" },
    { path: 'config.dpo_beta', message: "is used only with method 'dpo'" },
  ]);
});

test('what the trainer can choose best is left to it', () => {
  expect(plan({}).plan.training.hyperparameters).toMatchObject({
    packing: null,
    saveSteps: null,
    checkpointMinutes: 10,
    dataloaderWorkers: 0,
  });
});
