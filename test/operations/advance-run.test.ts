import { beforeEach, describe, expect, test } from 'vitest';
import { RunChange } from '#domain/run-change.ts';
import { runFolderKeys } from '#domain/run-folder.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import { aTraining } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

/** A run whose first attempt is launched and claimed, and trains. */
async function aTrainingRun(): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  const trainer = plane.trainer(id);
  await trainer.claim();
  await trainer.report('training', { step: 1 });
  await plane.settle(id);
  return id;
}

const readControl = (id: string, attempt: number): unknown =>
  JSON.parse(plane.artifacts.files.get(`runs/${id}/framework=hf/${runFolderKeys.control(id, attempt)}`) ?? 'null');

describe('from a request to an adapter', () => {
  test('prepares, launches, polls and completes, one event a step', async () => {
    const id = await plane.create();
    await plane.settle(id);
    const trainer = plane.trainer(id);
    await trainer.claim();
    await trainer.report('training', { step: 10, metrics: { loss: 2 } });
    await plane.settle(id);
    const running = await plane.view(id);
    await trainer.finish('completed');

    const last = await plane.settle(id);

    expect(running).toMatchObject({ run: { state: 'running' }, progress: { step: 10, metrics: { loss: 2 } } });
    expect(last.phase).toBe('done');
    expect(await plane.run(id)).toMatchObject({ state: 'completed', result: { metrics: { train_loss: 0.5 } }, computeSeconds: 3 });
    expect(plane.compute.released).toContain(`${id}-0001`);
    const events = await plane.runs.events(id, 0, 100);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(await plane.eventTypes(id)).toEqual([
      'run-created',
      'state-changed',
      'inputs-prepared',
      'attempt-reserved',
      'attempt-launched',
      'state-changed',
      'attempt-started',
      'state-changed',
      'attempt-ended',
      'state-changed',
    ]);
  });

  test('is not completed where a stored file differs from what the trainer wrote', async () => {
    const id = await aTrainingRun();
    await plane.trainer(id).finish('completed', {
      files: [{ path: 'adapter/adapter_model.safetensors', kind: 'adapter', sizeBytes: 1, sha256: '0'.repeat(64) }],
    });

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'failed', failure: { code: 'artifacts_corrupt' }, result: null });
  });

  test('a manifest of another claim counts for nothing', async () => {
    const id = await aTrainingRun();
    await plane.trainer(id).finish('completed', { claimId: 'somebody else' });

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'running' });
  });

  test('a file that does not parse is not there yet', async () => {
    const id = await aTrainingRun();
    await plane.artifacts.put(`runs/${id}/framework=hf/${runFolderKeys.manifest(id, 1)}`, '{"schema": 1, "outc');

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'running' });
  });

  test('inputs that cannot be pinned fail the run before any compute is asked for', async () => {
    const id = await plane.create();
    plane.inputs.pin = async () => ({ failure: { code: 'dataset_not_found', message: 'no such file' } });

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'failed', failure: { code: 'dataset_not_found' } });
    expect(plane.compute.launches).toEqual([]);
  });

  test('says why it waits, once, and goes on when there is room', async () => {
    const id = await plane.create();
    plane.compute.reservation = { kind: 'no-capacity', waiting: { code: 'slot', sentence: 'all 1 slots are taken', remedy: 'wait' } };
    await plane.settle(id);
    await plane.settle(id);
    const waiting = await plane.run(id);
    plane.compute.reservation = { kind: 'reserved' };

    await plane.settle(id);

    expect(waiting).toMatchObject({ state: 'queued', attempt: null, waiting: { code: 'slot' } });
    expect((await plane.eventTypes(id)).filter((type) => type === 'waiting-changed')).toHaveLength(1);
    expect(await plane.run(id)).toMatchObject({ state: 'initializing', waiting: null });
  });

  test('what no compute here can serve fails with what is there', async () => {
    const id = await plane.create();
    plane.compute.reservation = {
      kind: 'impossible',
      failure: { code: 'no_compute', message: '4 nodes were asked for; this machine is one' },
    };

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'failed', failure: { code: 'no_compute' } });
  });
});

describe('a launch that the plane did not live to record', () => {
  test('is waited for, and taken up when its claim appears', async () => {
    const id = await plane.create();
    plane.compute.onLaunch = () => {
      throw new Error('the plane dies here');
    };
    await expect(plane.settle(id)).rejects.toThrow('dies here');
    plane.compute.onLaunch = () => {};
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);
    const waiting = await plane.run(id);
    await plane.trainer(id).claim();
    plane.setLiveness(id, 1, 'alive');

    await plane.settle(id);

    expect(waiting).toMatchObject({ state: 'queued', attempt: { number: 1, handle: null } });
    expect(plane.compute.launches).toHaveLength(1);
    expect(await plane.run(id)).toMatchObject({ state: 'initializing', attempt: { number: 1 } });
  });

  test('is made again under the same tag when no claim comes', async () => {
    const id = await plane.create();
    plane.compute.onLaunch = () => {
      throw new Error('the plane dies here');
    };
    await expect(plane.settle(id)).rejects.toThrow();
    plane.compute.onLaunch = () => {};
    plane.setLiveness(id, 1, 'gone');
    plane.now += 11_000;

    await advanceRun(plane.ports, id);

    expect(plane.compute.launches.map(({ tag }) => tag)).toEqual([`${id}-0001`, `${id}-0001`]);
  });

  test('a stop takes the claim itself, so that nobody trains', async () => {
    const id = await plane.create();
    plane.compute.onLaunch = () => {
      throw new Error('the plane dies here');
    };
    await expect(plane.settle(id)).rejects.toThrow();
    await stopRun(plane.ports, id);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopped' });
    expect(await plane.trainer(id).claim()).toBe(false);
  });
});

describe('attempts', () => {
  test('a lost trainer: the next attempt goes on from the newest whole checkpoint, and the old one is superseded', async () => {
    const id = await aTrainingRun();
    const trainer = plane.trainer(id);
    await trainer.checkpoint(5);
    await trainer.checkpoint(10);
    await trainer.checkpoint(15, { torn: true });
    plane.setLiveness(id, 1, 'gone');

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({
      attempt: { number: 2, resumeFrom: { checkpoint: 'step-000010', step: 10 } },
      failuresSeen: { supervisor_lost: 1 },
    });
    expect(readControl(id, 1)).toMatchObject({ want: 'superseded' });
    expect(plane.compute.launches.map(({ tag }) => tag)).toEqual([`${id}-0001`, `${id}-0002`]);
  });

  test('a hub base stays at the commit of the checkpoint, whatever the hub has by now', async () => {
    const id = await plane.create({ training: aTraining({ baseModel: { kind: 'hub', id: 'org/base', commit: null } }) });
    await plane.settle(id);
    const trainer = plane.trainer(id);
    await trainer.claim();
    await trainer.checkpoint(5, { base: { id: 'org/base', commit: 'abc123' } });
    plane.setLiveness(id, 1, 'gone');

    await plane.settle(id);

    const spec: unknown = JSON.parse(plane.artifacts.files.get(`runs/${id}/framework=hf/${runFolderKeys.spec(id, 2)}`) ?? '');
    expect(spec).toMatchObject({ training: { baseModel: { kind: 'hub', id: 'org/base', commit: 'abc123' } }, resumeFrom: { step: 5 } });
  });

  test('three losses in a row without a new checkpoint end the run; a checkpoint begins the count anew', async () => {
    const id = await aTrainingRun();
    await plane.trainer(id).checkpoint(5);
    for (const attempt of [1, 2, 3, 4]) plane.setLiveness(id, attempt, 'gone');

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ attempt: { number: 4 }, failure: { code: 'supervisor_lost' } });
  });

  test.each([
    ['stalled', 'failed', 2],
    ['engine_killed', 'failed', 2],
    ['data_row_invalid', 'failed', 1],
    ['diverged', 'failed', 1],
  ])('%s: %s after %d attempts', async (code, state, attempts) => {
    const id = await plane.create();
    for (let attempt = 1; attempt <= attempts; attempt++) {
      await plane.settle(id);
      const trainer = plane.trainer(id, attempt);
      await trainer.claim();
      await trainer.fail(code, 'because');
      await plane.settle(id);
    }

    expect(await plane.run(id)).toMatchObject({
      state,
      attempt: { number: attempts },
      failure: { code, message: 'because', evidence: ['the last line'] },
    });
  });

  test('progress never falls over attempts, and the last known figures stay until there are new ones', async () => {
    const id = await aTrainingRun();
    const trainer = plane.trainer(id);
    await trainer.claim();
    await trainer.checkpoint(5);
    await trainer.report('training', { sequence: 9, step: 9, metrics: { loss: 0.3 } });
    await plane.settle(id);
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);
    const second = plane.trainer(id, 2);
    await second.claim();
    await second.report('importing', { step: 5, steps: null });

    await plane.settle(id);

    expect((await plane.view(id)).progress).toMatchObject({ attempt: 2, step: 5, steps: 20, highestStep: 9, metrics: { loss: 0.3 } });
  });

  test('retention keeps the newest two, the best, and the one resumed from; the record goes first', async () => {
    const id = await aTrainingRun();
    const trainer = plane.trainer(id);
    await trainer.claim();
    for (const [step, evalLoss] of [
      [2, 0.9],
      [4, 0.1],
      [6, 0.5],
      [8, 0.4],
      [10, 0.3],
    ] as const)
      await trainer.checkpoint(step, { evalLoss });
    await trainer.report('training', { sequence: 5, step: 10 });

    await plane.settle(id);

    expect((await plane.run(id)).checkpoints.map(({ step }) => step)).toEqual([4, 8, 10]);
    expect(await plane.artifacts.list(`runs/${id}/framework=hf/checkpoints/step-000006`)).toEqual([]);
  });
});

describe('a machine that does not answer', () => {
  test('is asked again after a night asleep, and not given up when it then answers', async () => {
    const id = await aTrainingRun();
    plane.now += 8 * 3_600_000;
    plane.setLiveness(id, 1, 'silent');
    await plane.settle(id);
    plane.setLiveness(id, 1, 'alive');
    await plane.trainer(id).report('training', { sequence: 9, step: 2 });
    await plane.settle(id);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'running', attempt: { number: 1, silentSince: null } });
  });

  test('is given up where it answers and has reported nothing for an hour', async () => {
    const id = await aTrainingRun();
    plane.now += 3_601_000;
    await plane.settle(id);
    plane.now += 121_000;

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ attempt: { number: 2 }, failuresSeen: { supervisor_lost: 1 } });
  });

  test('that cannot be asked and reports all the same goes on, and is lost when its reports end too', async () => {
    const id = await aTrainingRun();
    plane.setLiveness(id, 1, 'silent');
    const trainer = plane.trainer(id);
    for (let step = 2; step < 20; step++) {
      plane.now += 20_000;
      await trainer.report('training', { step });
      await plane.settle(id);
    }
    const reporting = await plane.run(id);
    plane.now += 31_000;
    await plane.settle(id);
    const silent = await plane.run(id);
    plane.now += 121_000;

    await plane.settle(id);

    expect(reporting).toMatchObject({ state: 'running', attempt: { number: 1, silentSince: null } });
    expect(silent.attempt?.silentSince).not.toBeNull();
    expect(await plane.run(id)).toMatchObject({ pastAttempts: [{ number: 1, outcome: 'lost' }] });
  });

  test('is given up when it stays silent, terminated first', async () => {
    const id = await aTrainingRun();
    plane.setLiveness(id, 1, 'silent');
    plane.now += 31_000; // since its last report
    await plane.settle(id);
    plane.now += 121_000;

    await plane.settle(id);

    expect(plane.compute.terminated).toEqual([`${id}-0001`]);
    expect((await plane.run(id)).attempt?.number).toBe(2);
  });
});

describe('stopping', () => {
  test('a queued run is stopped at once, and leaves the line', async () => {
    const id = await plane.create();

    await stopRun(plane.ports, id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopped', stopDetail: { code: 'stop_requested' } });
    expect(plane.compute.released).toContain(`${id}-0001`);
  });

  test('a running one saves a final checkpoint; completed_at comes when the compute is gone', async () => {
    const id = await aTrainingRun();
    await stopRun(plane.ports, id);
    await plane.settle(id);
    const stopping = await plane.run(id);
    const trainer = plane.trainer(id);
    await trainer.checkpoint(7);
    await trainer.finish('stopped');

    await plane.settle(id);

    expect(stopping).toMatchObject({ state: 'stopping', completedAt: null });
    expect(readControl(id, 1)).toMatchObject({ want: 'stop' });
    expect(await plane.run(id)).toMatchObject({
      state: 'stopped',
      lastCheckpoint: { step: 7 },
      stopDetail: { message: expect.stringContaining('step-000007') },
    });
  });

  test.each(['completed', 'failed', 'interrupted'] as const)('absorbs a trainer that ended as %s', async (outcome) => {
    const id = await aTrainingRun();
    await stopRun(plane.ports, id);
    await plane.trainer(id).finish(outcome);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({
      state: 'stopped',
      failure: null,
      result: outcome === 'completed' ? { metrics: { train_loss: 0.5 } } : null,
    });
  });

  test('a second stop, and a stop of what is final, are refused by name', async () => {
    const id = await aTrainingRun();
    await stopRun(plane.ports, id);

    await expect(stopRun(plane.ports, id)).rejects.toMatchObject({
      code: 'transition_refused',
      message: `run '${id}' is stopping already`,
    });

    await plane.trainer(id).finish('stopped');
    await plane.settle(id);
    await expect(stopRun(plane.ports, id)).rejects.toMatchObject({ message: `run '${id}' is stopped and cannot be stopped` });
  });

  test('max_runtime is a stop with a final checkpoint', async () => {
    const id = await plane.create({ maxRuntimeSeconds: 60 });
    await plane.settle(id);
    const trainer = plane.trainer(id);
    await trainer.claim();
    await trainer.report('training');
    await plane.settle(id);
    plane.now += 61_000;
    await plane.settle(id);
    const stopping = await plane.run(id);
    await trainer.finish('stopped');

    await plane.settle(id);

    expect(stopping.state).toBe('stopping');
    expect(await plane.run(id)).toMatchObject({ state: 'stopped', stopDetail: { code: 'time_limit' } });
  });
});

test('the loser of a conditional write reads again and decides again', async () => {
  const id = await aTrainingRun();
  const { run } = await plane.view(id);
  plane.runs.beforeChange = () => {
    const other = new RunChange(structuredClone(run), plane.now);
    other.note('warning-raised', { message: 'somebody was first' });
    void plane.runs.change(other.run, run.version, other.events);
  };
  await plane.trainer(id).finish('completed');

  await plane.settle(id);

  expect(await plane.run(id)).toMatchObject({ state: 'completed' });
  expect(await plane.eventTypes(id)).toContain('warning-raised');
});
