/** A run that begins with what another one made. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { RunRequest } from '#domain/run-request.ts';
import { deleteRun } from '#operations/delete-run.ts';
import { orderRun } from '#operations/order-run.ts';
import { aTraining } from '../support/builders.ts';
import { sha256Of } from '../support/memory-artifacts.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

async function aCompletedRun(training: Parameters<typeof aTraining>[0] = {}): Promise<string> {
  const id = await plane.create({ training: aTraining(training) });
  await plane.settle(id);
  const trainer = plane.trainer(id);
  await trainer.claim();
  await trainer.checkpoint(10);
  await trainer.finish('completed');
  await plane.settle(id);
  return id;
}

const order = (asked: Partial<RunRequest>) =>
  orderRun(plane.ports, {
    api: 'orchestrator',
    asked: { baseModel: 'tiny-llama', dataset: 'data.jsonl', peftMethod: 'lora', hyperparameters: {}, ...asked },
    at: { base: 'base_model', dataset: 'dataset', prefix: 'hyperparameters.' },
    request: {},
    name: null,
    projectId: 'proj_default',
    outputDir: null,
    submit: true,
  });

const baseOf = async (asked: Partial<RunRequest>) => (await order(asked)).run.training.baseModel;

describe('is named by', () => {
  test.each([
    ['its run', (id: string) => id],
    ['its adapter', (id: string) => `art_${id.slice(4)}_adapter`],
  ])('%s: the adapter, and the base that it belongs to', async (_, name) => {
    const source = await aCompletedRun();

    expect(await baseOf({ baseModel: name(source) })).toEqual({
      kind: 'made',
      id: name(source),
      form: 'adapter',
      folder: `/memory/runs/${source}/framework=hf/artifacts/${source}/adapter/`,
      base: { kind: 'tiny-llama' },
    });
  });

  test('one of its checkpoints, which is kept from then on', async () => {
    const source = await aCompletedRun();
    const id = `ckpt_${source.slice(4)}_000010`;

    expect(await baseOf({ baseModel: id })).toMatchObject({
      kind: 'made',
      form: 'adapter',
      folder: expect.stringMatching(/checkpoints\/step-000010\/$/),
    });
    expect((await plane.run(source)).pinnedCheckpoints).toEqual(['step-000010']);
    await expect(deleteRun(plane.ports, source)).rejects.toMatchObject({ code: 'transition_refused' });
  });

  test('a checkpoint of full fine-tuning: a model', async () => {
    const source = await aCompletedRun({ peftMethod: 'full' });

    expect(await baseOf({ baseModel: `ckpt_${source.slice(4)}_000010` })).toMatchObject({ form: 'model', base: null });
  });

  test('the result of a run that itself began with an adapter: the base is still the first one', async () => {
    const first = await aCompletedRun();
    const { run } = await order({ baseModel: first });
    await plane.settle(run.id);
    await plane.trainer(run.id).claim();
    await plane.trainer(run.id).finish('completed');
    await plane.settle(run.id);

    expect(await baseOf({ baseModel: run.id })).toMatchObject({ form: 'adapter', base: { kind: 'tiny-llama' } });
  });
});

test('the result that a run begins with is kept: its run is not deleted', async () => {
  const source = await aCompletedRun();
  await order({ baseModel: source });

  await expect(deleteRun(plane.ports, source)).rejects.toMatchObject({
    message: `run '${source}' is kept: another run began with its result`,
  });
});

test("what goes back to tiny-llama has tiny-llama's learning rate, what does not has the usual one", async () => {
  const tiny = await aCompletedRun();
  const other = await aCompletedRun({ baseModel: { kind: 'hub', id: 'gpt2', commit: null } });

  expect((await order({ baseModel: tiny })).run.training.hyperparameters.learningRate).toBe(3e-3);
  expect((await order({ baseModel: other })).run.training.hyperparameters.learningRate).toBe(2e-4);
});

describe('an adapter that is trained on', () => {
  const shaped = aTraining({ hyperparameters: { ...aTraining().hyperparameters, loraR: 8, loraAlpha: 24, targetModules: ['q_proj'] } });

  test('keeps its shape', async () => {
    const source = await aCompletedRun(shaped);

    expect((await order({ baseModel: source })).run.training.hyperparameters).toMatchObject({
      loraR: 8,
      loraAlpha: 24,
      targetModules: ['q_proj'],
    });
  });

  test('is refused another, with both values', async () => {
    const source = await aCompletedRun(shaped);

    await expect(order({ baseModel: source, hyperparameters: { rank: 16, lora_alpha: 24 } })).rejects.toMatchObject({
      problems: [{ path: 'hyperparameters.lora_r', message: `must be 8, as in the adapter ${source}, got 16` }],
    });
  });

  test('may become part of a full fine-tuning of its base', async () => {
    const source = await aCompletedRun(shaped);

    expect((await order({ baseModel: source, peftMethod: 'full' })).run.training).toMatchObject({
      peftMethod: 'full',
      hyperparameters: { loraR: 16 },
    });
  });
});

test.each([
  ['a run that nobody made', () => 'run_01k7c8r1e2f3g4h5j6k7m8n9p0', "no run here made 'run_01k7c8r1e2f3g4h5j6k7m8n9p0'"],
  ['an artifact that its run does not have', (id: string) => `art_${id.slice(4)}_model`, 'has no artifact'],
  ['what is no weights', (id: string) => `art_${id.slice(4)}_samples`, 'has no artifact'],
])('%s is told at its place, with all else that is wrong', async (_, name, message) => {
  const source = await aCompletedRun();

  await expect(order({ baseModel: name(source), provider: 'runpod', secrets: { HF_TOKEN: 'nobody' } })).rejects.toMatchObject({
    problems: [
      { path: 'base_model', message: expect.stringContaining(message) },
      { path: 'provider', message: expect.stringContaining('RUNPOD_API_KEY') },
      { path: 'secrets.HF_TOKEN', message: "must be a secret that runs may name (hf-team), got 'nobody'" },
    ],
  });
});

test('a run at work has made nothing to begin with yet', async () => {
  const id = await plane.create();

  await expect(order({ baseModel: id })).rejects.toMatchObject({
    problems: [{ message: `run '${id}' is queued and has no adapter or model` }],
  });
});

test('a hypernetwork is no base, and a checkpoint of another framework than hf is none either', async () => {
  const model = { path: 'model/hypernetwork.safetensors', kind: 'model', sizeBytes: 1, sha256: sha256Of('x') } as const;
  const network = await plane.create({ training: aTraining({ peftMethod: 'hypernetwork' }) });
  await plane.settle(network);
  await plane.artifacts.put(`runs/${network}/framework=hf/artifacts/${network}/${model.path}`, 'x');
  await plane.trainer(network).claim();
  await plane.trainer(network).finish('completed', { files: [model] });
  await plane.settle(network);
  const sharded = await plane.create({ training: aTraining({ framework: 'meta' }) });
  await plane.settle(sharded);
  const trainer = plane.trainer(sharded, 1, `runs/${sharded}/framework=meta`);
  await trainer.claim();
  await trainer.checkpoint(10);
  await trainer.finish('completed');
  await plane.settle(sharded);

  await expect(order({ baseModel: network })).rejects.toMatchObject({
    problems: [{ message: expect.stringContaining(`artifact 'art_${network.slice(4)}_model' is of a hypernetwork`) }],
  });
  await expect(order({ baseModel: `ckpt_${sharded.slice(4)}_000010` })).rejects.toMatchObject({
    problems: [{ message: expect.stringContaining('is a checkpoint of framework meta') }],
  });
  expect(await baseOf({ baseModel: sharded })).toMatchObject({ form: 'adapter' });
});
