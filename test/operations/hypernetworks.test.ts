import { beforeEach, expect, test } from 'vitest';
import { type Run, runSchema } from '#domain/run.ts';
import { attemptSpecSchema, runFolderKeys } from '#domain/run-folder.ts';
import type { BaseModel, Training } from '#domain/training.ts';
import { createRun } from '#operations/create-run.ts';
import { aComputeNeed, aTraining } from '../support/builders.ts';
import { sha256Of } from '../support/memory-artifacts.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const HUB: BaseModel = { kind: 'hub', id: 'org/base', commit: null };

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

async function create(purpose: Run['purpose'], training: Partial<Training> = {}): Promise<string> {
  plane.now += 1;
  const plan = {
    training: aTraining({ peftMethod: 'hypernetwork', ...training }),
    compute: aComputeNeed(),
    maxRuntimeSeconds: 60,
    choices: [],
  };
  const order = { api: 'runs', plan, request: {}, name: null, projectId: 'proj_default', provider: null, outputDir: null } as const;
  const { run } = await createRun(plane.ports, { ...order, submit: true, purpose });
  await plane.settle(run.id);
  return run.id;
}

/** A run that trained a hypernetwork and stored it. */
async function aTrained(base: BaseModel): Promise<string> {
  const id = await create('train', { baseModel: base });
  const weights = `weights of ${id}`;
  await plane.artifacts.put(`runs/${id}/framework=hf/artifacts/${id}/model/hypernetwork.safetensors`, weights);
  const file = { path: 'model/hypernetwork.safetensors', kind: 'model', sizeBytes: weights.length, sha256: sha256Of(weights) } as const;
  await plane.trainer(id).claim();
  await plane.trainer(id).finish('completed', { files: [file] });
  await plane.settle(id);
  return id;
}

const specOf = (id: string) =>
  attemptSpecSchema.parse(JSON.parse(plane.artifacts.files.get(`runs/${id}/framework=hf/${runFolderKeys.spec(id, 1)}`) ?? 'null'));

test('an adapter is made by the newest completed hypernetwork of its base, pinned with the hashes of its files', async () => {
  await aTrained(HUB);
  const newest = await aTrained(HUB);
  await aTrained({ ...HUB, id: 'org/another' });
  const unfinished = await create('train', { baseModel: HUB });

  const id = await create('generate', { baseModel: HUB });

  expect((await plane.run(unfinished)).state).toBe('initializing');
  expect(specOf(id)).toMatchObject({
    purpose: 'generate',
    hypernetwork: {
      kind: 'run',
      runId: newest,
      folder: `/memory/runs/${newest}/framework=hf/artifacts/${newest}/model/`,
      files: [{ path: 'hypernetwork.safetensors', sha256: sha256Of(`weights of ${newest}`) }],
    },
  });
});

test('a hypernetwork finished later concerns later runs', async () => {
  const first = await aTrained(HUB);
  const id = await create('generate', { baseModel: HUB });
  await aTrained(HUB);

  expect((await plane.run(id)).hypernetwork).toMatchObject({ runId: first });
});

test('tiny-llama has a built-in one until its users train their own', async () => {
  const before = await create('generate');
  const own = await aTrained({ kind: 'tiny-llama' });
  const after = await create('generate');

  expect(specOf(before).hypernetwork).toEqual({ kind: 'built-in' });
  expect(specOf(after).hypernetwork).toMatchObject({ runId: own });
});

test('without a hypernetwork of the base the run fails before any compute is asked for, and says how to train one', async () => {
  await create('train', { baseModel: HUB, peftMethod: 'lora' });
  const launches = plane.compute.launches.length;

  const id = await create('generate', { baseModel: HUB });

  expect(await plane.run(id)).toMatchObject({
    state: 'failed',
    failure: {
      code: 'no_hypernetwork',
      message: "there is no completed hypernetwork for the base 'org/base'",
      remedy: expect.stringContaining('peft_method "hypernetwork"'),
    },
  });
  expect(plane.compute.launches).toHaveLength(launches);
});

test('a hypernetwork that was deleted is passed over', async () => {
  const first = await aTrained(HUB);
  const second = await aTrained(HUB);
  await plane.runs.remove(second, (await plane.run(second)).version);

  const id = await create('generate', { baseModel: HUB });

  expect((await plane.run(id)).hypernetwork).toMatchObject({ runId: first });
});

test('a run that was stored before hypernetworks were there has none', async () => {
  const { hypernetwork: _, ...older } = await plane.run(await create('train'));

  expect(runSchema.parse(older).hypernetwork).toBeNull();
});
