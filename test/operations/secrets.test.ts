/** Values for a trainer's eyes only. */
import { beforeEach, expect, test } from 'vitest';
import type { RunRequest } from '#domain/run-request.ts';
import { orderRun } from '#operations/order-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

const order = (asked: Partial<RunRequest>) =>
  orderRun(plane.ports, {
    api: 'sft',
    asked: { baseModel: 'tiny-llama', dataset: 'data.jsonl', peftMethod: 'lora', hyperparameters: {}, ...asked },
    at: { base: 'config.base_model', dataset: 'config.dataset_name', prefix: 'config.' },
    request: { ...asked },
    name: null,
    projectId: 'proj_default',
    outputDir: null,
    submit: true,
  });

test('what a secret holds is read when the trainer starts, and stands in no record, event or file', async () => {
  const { run } = await order({ env: { STAGE: 'dev', CANARY: 'canary-1' }, secrets: { HF_TOKEN: 'hf-team' } });
  await plane.settle(run.id);

  const [launch] = plane.compute.launches;
  expect(await launch?.openEnvironment()).toEqual({ STAGE: 'dev', CANARY: 'canary-1', HF_TOKEN: 'value of hf-team' });
  const { run: stored } = await plane.view(run.id);
  expect(stored.secrets).toEqual({ HF_TOKEN: 'hf-team' });
  const seen = JSON.stringify([stored, await plane.runs.events(run.id, 0, 100), [...plane.artifacts.files.values()]]);
  expect(seen).not.toContain('value of hf-team');
  expect(seen).not.toContain('canary-1');
});

test('a name in env and in secrets is a problem, not a guess', async () => {
  await expect(order({ env: { HF_TOKEN: 'x' }, secrets: { HF_TOKEN: 'hf-team' } })).rejects.toMatchObject({
    problems: [{ path: 'config.secrets.HF_TOKEN', message: 'is given in env too' }],
  });
});

test('a secret that is not allowed any more fails the run with a remedy, before any compute is asked for', async () => {
  const { run } = await order({ secrets: { HF_TOKEN: 'hf-team' } });
  Object.assign(plane.ports.settings, { secrets: [] });

  await plane.settle(run.id);

  expect(await plane.run(run.id)).toMatchObject({ state: 'failed', failure: { code: 'secret_missing' } });
  expect(plane.compute.launches).toEqual([]);
});
