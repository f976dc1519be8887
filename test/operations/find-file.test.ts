import { beforeEach, expect, test } from 'vitest';
import { findFile } from '#operations/find-file.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
let id: string;
beforeEach(async () => {
  plane = new MemoryPlane();
  id = await plane.create();
  await plane.settle(id);
  await plane.trainer(id).claim();
  await plane.trainer(id).checkpoint(10);
  await plane.trainer(id).finish('completed');
  await plane.settle(id);
});

test.each([
  ['adapter/adapter_model.safetensors', (run: string) => `artifacts/${run}/adapter/adapter_model.safetensors`],
  ['checkpoints/step-000010/weights', () => 'checkpoints/step-000010/weights'],
])('%s is linked, with its size and hash', async (path, keyOf) => {
  expect(await findFile(plane.ports, id, path)).toMatchObject({
    sizeBytes: expect.any(Number),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    link: `/files/runs/${id}/framework=hf/${keyOf(id)}?signature=x`,
  });
});

test.each([
  'adapter',
  'adapter/',
  'config.json',
  '../../config/run.json',
  'checkpoints/step-000010/../step-000010.json',
  'checkpoints/step-000011/weights',
  'checkpoints/step-000010.json',
])('%s is nothing that the run made', async (path) => {
  await expect(findFile(plane.ports, id, path)).rejects.toMatchObject({ code: 'artifact_not_found' });
});

test('a run that is not there is refused', async () => {
  await expect(findFile(plane.ports, 'run_x', 'adapter/a')).rejects.toMatchObject({ code: 'run_not_found' });
});
