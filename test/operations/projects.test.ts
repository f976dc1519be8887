import { beforeEach, describe, expect, test } from 'vitest';
import { checkpointId } from '#domain/run-artifacts.ts';
import { resumeFromCheckpoint, tagArtifact } from '#operations/project-runs.ts';
import {
  createProject,
  DEFAULT_PROJECT,
  editProject,
  getProject,
  getProjectDetail,
  listProjects,
  seedDefaultProject,
} from '#operations/projects.ts';
import { MemoryPlane, type MemoryTrainer } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(async () => {
  plane = new MemoryPlane();
  await seedDefaultProject(plane.ports);
});

const FIELDS = {
  name: 'Poems',
  description: null,
  objective: null,
  taskType: null,
  baseModel: 'tiny-llama',
  owner: 'alice',
  tags: [],
  defaultHyperparameters: {},
};
const AT = { base: 'base', dataset: 'dataset', prefix: '' };

async function aRunWithCheckpoints(...steps: number[]): Promise<{ id: string; trainer: MemoryTrainer }> {
  const id = await plane.create();
  await plane.settle(id);
  const trainer = plane.trainer(id);
  await trainer.claim();
  for (const step of steps) await trainer.checkpoint(step);
  await trainer.report('training', { step: steps.at(-1) ?? 1 });
  await plane.settle(id);
  return { id, trainer };
}

describe('the list', () => {
  test('is newest first in pages, and ends with the built-in project', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.push((await createProject(plane.ports, { ...FIELDS, name: `p${index}` })).id);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await listProjects(plane.ports, 2, after);
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next ?? undefined;
    } while (after !== undefined);

    expect(seen).toEqual([...ids.toReversed(), DEFAULT_PROJECT]);
    expect(await listProjects(plane.ports, 2, DEFAULT_PROJECT)).toEqual({ items: [], next: null });
  });
});

describe('an edit', () => {
  test('is kept with what was there before, newest first, and 20 at once are all kept', async () => {
    const { id } = await createProject(plane.ports, FIELDS);

    await editProject(plane.ports, id, { owner: 'bob' });
    await Promise.all(['a', 'b', 'c'].map((tag) => editProject(plane.ports, id, { tags: [tag] })));

    const project = await getProject(plane.ports, id);
    expect(project.history.at(-1)).toMatchObject({ changes: [{ field: 'owner', from: 'alice', to: 'bob' }] });
    expect(project.history).toHaveLength(4);
    expect(project.version).toBe(5);
  });

  test('that changes nothing leaves no trace', async () => {
    const { id } = await createProject(plane.ports, FIELDS);

    await editProject(plane.ports, id, { owner: 'alice', tags: [] });

    expect(await getProject(plane.ports, id)).toMatchObject({ version: 1, history: [] });
  });
});

test('a project counts its runs by how they stand', async () => {
  await plane.create();
  const { id: running } = await aRunWithCheckpoints();

  const { counts, runs } = await getProjectDetail(plane.ports, DEFAULT_PROJECT);

  expect(counts).toMatchObject({ queued: 1, running: 1, completed: 0 });
  expect(runs[0]?.run.id).toBe(running);
});

describe('a checkpoint that is tagged, or that another run went on from,', () => {
  test('outlives retention, which keeps the newest two', async () => {
    const { id, trainer } = await aRunWithCheckpoints(5, 10);
    const place = { projectId: DEFAULT_PROJECT, runId: id };
    await tagArtifact(plane.ports, { ...place, artifactId: checkpointId({ id }, 'step-000005') }, { value: 'release', notes: null });
    const source = { ...place, artifactId: checkpointId({ id }, 'step-000010') };
    await resumeFromCheckpoint(plane.ports, source, { changes: {}, at: AT, request: {}, name: null, metadata: {} });

    for (const step of [15, 20, 25]) await trainer.checkpoint(step);
    await trainer.report('training', { step: 25 });
    await plane.settle(id);

    const kept = (await plane.run(id)).checkpoints.map(({ step }) => step);
    expect(kept.toSorted((a, b) => a - b)).toEqual([5, 10, 20, 25]);
  });
});

test('a resumed run has the configuration of its source with the changes over it, and goes on from where it began until it saved something itself', async () => {
  const { id } = await aRunWithCheckpoints(5);
  const artifactId = checkpointId({ id }, 'step-000005');

  const { run } = await resumeFromCheckpoint(
    plane.ports,
    { projectId: DEFAULT_PROJECT, runId: id, artifactId },
    { changes: { hyperparameters: { lr: 1e-4, max_steps: 40 } }, at: AT, request: { name: 'again' }, name: 'again', metadata: {} },
  );
  const source = await plane.run(id);

  expect(run.training).toEqual({
    ...source.training,
    hyperparameters: { ...source.training.hyperparameters, learningRate: 1e-4, maxSteps: 40 },
  });
  expect(run.resumedFrom).toMatchObject({ runId: id, artifactId, step: 5, folder: `/memory/${source.folder}/checkpoints/step-000005` });
  await plane.settle(run.id);
  plane.setLiveness(run.id, 1, 'gone');
  await plane.settle(run.id);
  expect((await plane.run(run.id)).attempt).toMatchObject({ number: 2, resumeFrom: { step: 5, checkpoint: 'step-000005' } });
});
