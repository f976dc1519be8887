import { expect, test } from 'vitest';
import type { Training } from '#domain/training.ts';
import { estimateDisk, estimateMemory, sizeFromName } from '#domain/training-memory.ts';
import { aTraining } from '../support/builders.ts';

function aHubTraining(id: string, overrides: Partial<Training> = {}, parameters: Partial<Training['hyperparameters']> = {}): Training {
  const training = aTraining({ baseModel: { kind: 'hub', id, commit: null }, ...overrides });
  return { ...training, hyperparameters: { ...training.hyperparameters, batchSize: 4, maxSeqLength: 1_024, ...parameters } };
}

test.each([
  ['meta-llama/Llama-3.1-8B-Instruct', 8e9],
  ['Qwen/Qwen3-0.6B', 0.6e9],
  ['mistralai/Mixtral-8x7B-v0.1', 56e9],
  ['HuggingFaceTB/SmolLM2-135M', 135e6],
  ['Qwen/Qwen3-30B-A3B', 30e9],
  ['google/gemma-3-27b-it', 27e9],
  ['gpt2', 124e6],
  ['gpt2-xl', 1.56e9],
  ['tiny-llama', 5e6],
  ['bigscience/bloomz', null],
  ['acme/v2-beta', null],
])('the name %s says %s parameters', (name, size) => {
  expect(sizeFromName(name)).toBe(size);
});

test('the parts of the sum are the published ones: 16 bytes a parameter for full, 2 and an adapter for LoRA, 0.6 for QLoRA', () => {
  const id = 'acme/model-8B';
  const lora = estimateMemory(aHubTraining(id)).choice.reason;
  const qlora = estimateMemory(aHubTraining(id, { peftMethod: 'qlora' })).choice.reason;
  const full = estimateMemory(aHubTraining(id, { peftMethod: 'full' })).choice.reason;

  expect(lora).toContain('8 B parameters: weights 16.0 + adapter and its optimizer 0.7 +');
  expect(qlora).toContain('weights 4.8 + adapter and its optimizer 0.7 +');
  expect(full).toContain('weights 16.0 + gradients and optimizer 112.0 +');
});

test('the value is the sum of the parts that it names, and a tenth', () => {
  const { gigabytes, choice } = estimateMemory(aHubTraining('acme/model-8B'));

  const parts = [...choice.reason.matchAll(/(\d+\.\d)(?= \+| GB)/g)].map(([text]) => Number(text));

  expect(parts).toHaveLength(5);
  expect(gigabytes).toBeGreaterThanOrEqual(parts.reduce((sum, part) => sum + part, 0) * 1.1 - 0.3);
  expect(gigabytes).toBeLessThanOrEqual(parts.reduce((sum, part) => sum + part, 0) * 1.1 + 1.3);
  expect(choice.value).toBe(`${gigabytes} GB`);
});

test('it grows with batch, length, rank, and the second row of a preference', () => {
  const of = (training: Training): number => estimateMemory(training).gigabytes;
  const base = of(aHubTraining('acme/model-8B'));

  expect(of(aHubTraining('acme/model-8B', {}, { batchSize: 16 }))).toBeGreaterThan(base);
  expect(of(aHubTraining('acme/model-8B', {}, { maxSeqLength: 8_192 }))).toBeGreaterThan(base);
  expect(of(aHubTraining('acme/model-8B', {}, { loraR: 256 }))).toBeGreaterThan(base);
  expect(of(aHubTraining('acme/model-8B', { method: 'dpo' }))).toBeGreaterThan(base);
});

test('a base whose name says nothing is taken for 8 B, and the choice says so', () => {
  const { parameters, choice } = estimateMemory(aHubTraining('bigscience/bloomz'));

  expect(parameters).toBe(8e9);
  expect(choice.reason).toContain("the size of 'bigscience/bloomz' is not in its name");
});

test('a tiny base fits the smallest card', () => {
  expect(estimateMemory(aTraining()).gigabytes).toBeLessThanOrEqual(4);
});

test('disk holds image, base, three checkpoints and what is exported', () => {
  expect(estimateDisk(aTraining({ peftMethod: 'lora' }), 8e9)).toBe(61); // 40 + 16 + 3 x 1.6
  expect(estimateDisk(aTraining({ peftMethod: 'full' }), 8e9)).toBe(408); // 40 + 16 + 3 x 112 + 16
});
