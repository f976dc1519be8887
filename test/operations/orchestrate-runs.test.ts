/** What the orchestrator does with a run: submit once, stop with a moment's patience, hand out the result with its hash checked. */
import { beforeEach, describe, expect, test } from 'vitest';
import { inFolder } from '#operations/advance/run-folder-files.ts';
import { createRun } from '#operations/create-run.ts';
import { downloadArtifact } from '#operations/download-artifact.ts';
import { stopAndWait } from '#operations/stop-and-wait.ts';
import { submitRun } from '#operations/submit-run.ts';
import { aComputeNeed, aTraining } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

async function aCreatedRun(): Promise<string> {
  const plan = { training: aTraining(), compute: aComputeNeed(), maxRuntimeSeconds: 3_600, choices: [] };
  const order = { api: 'orchestrator', plan, request: {}, name: null, projectId: 'proj_default', provider: null, outputDir: null } as const;
  return (await createRun(plane.ports, { ...order, submit: false })).run.id;
}

async function aTrainingRun(): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  await plane.trainer(id).claim();
  await plane.trainer(id).report('training', { step: 1 });
  await plane.settle(id);
  return id;
}

async function aCompletedRun(): Promise<string> {
  const id = await aTrainingRun();
  await plane.trainer(id).finish('completed');
  await plane.settle(id);
  return id;
}

describe('submitting', () => {
  test('sends a created run on its way, once', async () => {
    const id = await aCreatedRun();

    const { run } = await submitRun(plane.ports, id, 'local');

    expect(run).toMatchObject({ state: 'queued', provider: 'local', submittedAt: run.updatedAt });
    await expect(submitRun(plane.ports, id, 'local')).rejects.toMatchObject({ code: 'transition_refused' });
  });

  test('of 20 at once lets one win', async () => {
    const id = await aCreatedRun();

    const results = await Promise.allSettled(Array.from({ length: 20 }, () => submitRun(plane.ports, id, 'local')));

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await plane.eventTypes(id)).filter((type) => type === 'state-changed')).toHaveLength(1);
  });

  test.each(['runpod', 'cloud9'])('to %s is refused, and the run stays created', async (provider) => {
    const id = await aCreatedRun();

    await expect(submitRun(plane.ports, id, provider)).rejects.toMatchObject({ code: 'invalid_request' });
    expect((await plane.run(id)).state).toBe('created');
  });
});

describe('stopping with patience', () => {
  test('is answered when the final checkpoint is there', async () => {
    const id = await aTrainingRun();
    plane.bell.during = async () => {
      await plane.trainer(id).checkpoint(7);
      await plane.trainer(id).finish('stopped');
      await plane.settle(id);
      return true;
    };

    const { run } = await stopAndWait(plane.ports, id);

    expect(run.state).toBe('stopped');
    expect(run.checkpoints).toHaveLength(1);
    expect(plane.bell.listening).toBe(0);
  });

  test('is answered after 5 s where nothing comes', async () => {
    const id = await aTrainingRun();

    const { run } = await stopAndWait(plane.ports, id);

    expect(run).toMatchObject({ state: 'stopping', completedAt: null });
    expect(plane.bell.waits).toEqual([5_000]);
  });

  test('does not wait for a run that had no compute', async () => {
    const { run } = await stopAndWait(plane.ports, await aCreatedRun());

    expect(run.state).toBe('stopped');
    expect(plane.bell.waits).toEqual([]);
  });

  test('of a final run is refused and leaves nobody listening', async () => {
    const id = await aCompletedRun();

    await expect(stopAndWait(plane.ports, id)).rejects.toMatchObject({ code: 'transition_refused' });
    expect(plane.bell.listening).toBe(0);
  });
});

describe('downloading', () => {
  test('gives the weights with their hash and a link', async () => {
    const id = await aCompletedRun();

    const { file, location, link, artifact } = await downloadArtifact(plane.ports, id);

    expect(file).toMatchObject({ kind: 'adapter', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(location).toContain(file.path);
    expect(link).toContain(file.path);
    expect(artifact.type).toBe('adapter');
  });

  test('is refused before submission, and before there is a result', async () => {
    await expect(downloadArtifact(plane.ports, await aCreatedRun())).rejects.toMatchObject({ code: 'not_submitted' });
    await expect(downloadArtifact(plane.ports, await aTrainingRun())).rejects.toMatchObject({ code: 'artifact_unavailable' });
    await expect(downloadArtifact(plane.ports, 'run_none')).rejects.toMatchObject({ code: 'run_not_found' });
  });

  test('of bytes that differ is an error and a warning in the timeline', async () => {
    const id = await aCompletedRun();
    const { key } = await downloadArtifact(plane.ports, id);
    await plane.artifacts.put(key, 'other bytes');

    await expect(downloadArtifact(plane.ports, id)).rejects.toMatchObject({ code: 'artifact_corrupt' });
    expect((await plane.eventTypes(id)).at(-1)).toBe('warning-raised');
    expect(key).toBe(inFolder(await plane.run(id), key.slice(key.indexOf('artifacts/'))));
  });
});
