/** What would become of an order, where a machine would be rented for it: sizes and costs are told of the data as they lie there. */
import { expect, test } from 'vitest';
import { previewOrder } from '#operations/preview-order.ts';
import { storeRows } from '#operations/stored-rows.ts';
import type { Compute } from '#ports/compute.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const AT = { base: 'base_model', dataset: 'dataset', prefix: '' };

test('what the provider says it will ask for stands among the choices, made of the pinned data', async () => {
  const plane = new MemoryPlane();
  const file = { path: 'rows.jsonl', sizeBytes: 1_234, sha256: 'a'.repeat(64), location: '/rows.jsonl', split: 'train' as const };
  const plan: NonNullable<Compute['plan']> = ({ training: { dataset } }) => [
    { name: 'store_egress', value: dataset.kind === 'files' ? `${dataset.files[0]?.sizeBytes} bytes` : 'none', reason: 'the data, once' },
  ];
  Object.assign(plane.compute, { plan });
  plane.inputs.pin = async () => ({ dataset: { kind: 'files', uri: 'rows.jsonl', files: [file] } });

  const asked = { baseModel: 'tiny-llama', dataset: 'rows.jsonl', peftMethod: 'lora' as const, hyperparameters: { learning_rate: 1e-3 } };
  const preview = await previewOrder(plane.ports, { asked, at: AT, outputDir: null });

  expect(preview.plan.choices).toEqual([{ name: 'store_egress', value: '1234 bytes', reason: 'the data, once' }]);
  expect(preview.data?.files).toEqual([file]);
  expect(await plane.runs.list({}, 10)).toEqual([]);
});

test('a stored dataset is told as it was counted when it was stored', async () => {
  const plane = new MemoryPlane();
  await storeRows(plane.ports, 'dataset', 'poems', '{"text": "one"}\n{"text": "two"}\n');

  const asked = { baseModel: 'tiny-llama', dataset: 'dataset:poems', peftMethod: 'lora' as const, hyperparameters: {} };
  const preview = await previewOrder(plane.ports, { asked, at: AT, outputDir: null });

  expect(preview).toMatchObject({ data: { rows: 2, format: 'text' }, failure: null, provider: 'local' });
});
