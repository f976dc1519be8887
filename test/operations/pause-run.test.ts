import { beforeEach, describe, expect, test } from 'vitest';
import { runFolderKeys } from '#domain/run-folder.ts';
import { pauseRun } from '#operations/pause-run.ts';
import { resumeRun } from '#operations/resume-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

const NO_ROOM = { kind: 'no-capacity', waiting: { code: 'slot', sentence: 'all 1 slots are taken', remedy: 'wait' } } as const;

async function aTrainingRun(overrides: { maxRuntimeSeconds?: number } = {}): Promise<string> {
  const id = await plane.create(overrides);
  await plane.settle(id);
  const trainer = plane.trainer(id);
  await trainer.claim();
  await trainer.report('training', { step: 1 });
  await plane.settle(id);
  return id;
}

async function aPausedRun(overrides: { maxRuntimeSeconds?: number } = {}): Promise<string> {
  const id = await aTrainingRun(overrides);
  await pauseRun(plane.ports, id);
  await plane.settle(id);
  await plane.trainer(id).checkpoint(7);
  await plane.trainer(id).finish('paused');
  await plane.settle(id);
  return id;
}

/** Its second attempt is launched, and does not train yet. */
async function aResumingRun(): Promise<string> {
  const id = await aPausedRun();
  await resumeRun(plane.ports, id);
  await plane.settle(id);
  return id;
}

const readControl = (id: string, attempt: number): unknown =>
  JSON.parse(plane.artifacts.files.get(`runs/${id}/framework=hf/${runFolderKeys.control(id, attempt)}`) ?? 'null');

describe('pausing', () => {
  test('asks the trainer, and the run reads running until that has ended; then its slot is free', async () => {
    const id = await aTrainingRun();
    await pauseRun(plane.ports, id);
    await plane.settle(id);
    const pausing = await plane.run(id);
    await plane.trainer(id).checkpoint(7);
    await plane.trainer(id).finish('paused');

    const advance = await plane.settle(id);

    expect(pausing).toMatchObject({ state: 'running', want: 'pause' });
    expect(readControl(id, 1)).toMatchObject({ want: 'pause' });
    expect(await plane.run(id)).toMatchObject({ state: 'paused', completedAt: null, waiting: null, lastCheckpoint: { step: 7 } });
    expect(plane.compute.released).toContain(`${id}-0001`);
    expect(advance).toMatchObject({ phase: 'launch' });
    expect(plane.compute.launches).toHaveLength(1);
    expect(await plane.eventTypes(id)).toContain('pause-requested');
  });

  test('a run that finishes before it heard of it is completed', async () => {
    const id = await aTrainingRun();
    await pauseRun(plane.ports, id);
    await plane.trainer(id).finish('completed');

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'completed' });
  });

  test('a trainer lost on the way leaves a paused run, which goes on from its checkpoint when it is resumed', async () => {
    const id = await aTrainingRun();
    await plane.trainer(id).checkpoint(5);
    await pauseRun(plane.ports, id);
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);
    const paused = await plane.run(id);
    await resumeRun(plane.ports, id);

    await plane.settle(id);

    expect(paused).toMatchObject({ state: 'paused', pastAttempts: [{ number: 1, outcome: 'lost' }] });
    expect(await plane.run(id)).toMatchObject({ attempt: { number: 2, resumeFrom: { step: 5 } } });
  });

  test.each([
    ['a queued run', () => plane.create(), 'is queued and cannot be paused'],
    [
      'a pausing one',
      async () => {
        const id = await aTrainingRun();
        await pauseRun(plane.ports, id);
        return id;
      },
      'is pausing already',
    ],
    ['a paused one', () => aPausedRun(), 'is paused already'],
    [
      'a stopping one',
      async () => {
        const id = await aTrainingRun();
        await stopRun(plane.ports, id);
        return id;
      },
      'is stopping and cannot be paused',
    ],
  ])('%s is refused by name', async (_, make, sentence) => {
    const id = await make();

    await expect(pauseRun(plane.ports, id)).rejects.toMatchObject({ code: 'transition_refused', message: `run '${id}' ${sentence}` });
  });
});

describe('resuming', () => {
  test('the next attempt goes on from the checkpoint; the run reads paused, and says why, until it trains', async () => {
    const id = await aPausedRun();
    const asked = await resumeRun(plane.ports, id);
    await plane.settle(id);
    const starting = await plane.run(id);
    const trainer = plane.trainer(id, 2);
    await trainer.claim();
    await trainer.report('training', { step: 8 });

    await plane.settle(id);

    expect(asked.run).toMatchObject({ state: 'paused', waiting: { code: 'resuming' } });
    expect(starting).toMatchObject({ state: 'paused', waiting: { code: 'resuming' }, attempt: { number: 2, resumeFrom: { step: 7 } } });
    expect(await plane.run(id)).toMatchObject({ state: 'running', waiting: null });
    expect(readControl(id, 2)).toMatchObject({ want: 'run' });
  });

  test('waits its turn where there is no room', async () => {
    const id = await aPausedRun();
    plane.compute.reservation = NO_ROOM;
    await resumeRun(plane.ports, id);

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'paused', waiting: { code: 'slot' } });
  });

  test('a run that is paused again while it waits leaves the line, also where it was just asking for room', async () => {
    const id = await aPausedRun();
    plane.compute.reservation = NO_ROOM;
    await resumeRun(plane.ports, id);
    await plane.settle(id);
    plane.compute.released.length = 0;

    const { run } = await pauseRun(plane.ports, id);
    await plane.settle(id);

    expect(run).toMatchObject({ state: 'paused', want: 'pause', waiting: null });
    expect(plane.compute.released).toContain(`${id}-0002`);
  });

  test('a stop that comes while the plane asks for room takes the run out of the line', async () => {
    const id = await plane.create();
    plane.compute.reservation = NO_ROOM;
    plane.compute.onReserve = async () => void (await stopRun(plane.ports, id));

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'stopped' });
    expect(plane.compute.released).toContain(`${id}-0001`);
  });

  test('a run paused again while its trainer starts is paused when that has ended', async () => {
    const id = await aResumingRun();
    await pauseRun(plane.ports, id);
    const trainer = plane.trainer(id, 2);
    await trainer.claim();
    await trainer.finish('paused', { step: 7 });

    await plane.settle(id);

    expect(await plane.run(id)).toMatchObject({ state: 'paused', want: 'pause', attempt: { number: 2 } });
  });

  test('a stop while paused is at once, and one while resuming ends the trainer first', async () => {
    const paused = await aPausedRun();
    const resuming = await aResumingRun();

    await stopRun(plane.ports, paused);
    await stopRun(plane.ports, resuming);
    await plane.settle(resuming);

    expect(await plane.run(paused)).toMatchObject({
      state: 'stopped',
      completedAt: expect.any(String),
      stopDetail: { code: 'stop_requested' },
    });
    expect(await plane.run(resuming)).toMatchObject({ state: 'stopping', completedAt: null });
    expect(readControl(resuming, 2)).toMatchObject({ want: 'stop' });
  });

  test('time spent paused does not count towards max_runtime', async () => {
    const id = await aPausedRun({ maxRuntimeSeconds: 60 });
    plane.now += 86_400_000;
    await resumeRun(plane.ports, id);
    await plane.settle(id);
    const trainer = plane.trainer(id, 2);
    await trainer.claim();
    await trainer.report('training', { step: 8 });
    await plane.settle(id);
    const running = await plane.run(id);
    plane.now += 58_000; // the first attempt took 3

    await plane.settle(id);

    expect(running.state).toBe('running');
    expect(await plane.run(id)).toMatchObject({ state: 'stopping', stopDetail: { code: 'time_limit' } });
  });

  test.each([
    ['a running run', () => aTrainingRun(), 'is running, and only a paused run can be resumed'],
    [
      'a pausing one',
      async () => {
        const id = await aTrainingRun();
        await pauseRun(plane.ports, id);
        return id;
      },
      'is still pausing: resume it when it is paused',
    ],
    ['a resuming one', () => aResumingRun(), 'is resuming already'],
  ])('%s is refused by name', async (_, make, sentence) => {
    const id = await make();

    await expect(resumeRun(plane.ports, id)).rejects.toMatchObject({ code: 'transition_refused', message: `run '${id}' ${sentence}` });
  });
});
