import { expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { stopRun } from '#operations/stop-run.ts';
import { createHandler, ROUNDS_A_GENERATION } from '#workers/advance-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

function openWorker() {
  const plane = new MemoryPlane();
  const handedOver: [string, number][] = [];
  const handle = createHandler(plane.ports, { handOver: async (runId, generation) => void handedOver.push([runId, generation]) });
  return { plane, handle, handedOver };
}

test('a round says where to go and when, and carries nothing but who, which generation and how many rounds', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();

  const prepared = await handle({ runId, generation: 1 });
  const launched = await handle(prepared);
  const polled = await handle(launched);

  expect(prepared).toEqual({ version: 1, runId, generation: 1, round: 1, phase: 'launch', waitSeconds: 0 });
  expect(launched).toEqual({ version: 1, runId, generation: 1, round: 2, phase: 'poll', waitSeconds: 0 });
  expect(polled).toEqual({ version: 1, runId, generation: 1, round: 3, phase: 'poll', waitSeconds: 1 });
});

test('a run that is over is finished: what still carries its newest attempt is ended', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await trainer.finish('completed');
  await plane.settle(runId);
  plane.compute.terminated.length = 0;

  const over = await handle({ runId, generation: 1 });
  const done = await handle(over);

  expect([over.phase, done.phase]).toEqual(['finish', 'done']);
  expect(plane.compute.terminated).toEqual([attemptName(runId, 1)]);
});

test('a run that was deleted, or stopped before it had a machine, is done', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();
  await stopRun(plane.ports, runId);

  for (const id of [runId, 'run_gone']) {
    const over = await handle({ runId: id, generation: 3 });
    expect(await handle(over)).toMatchObject({ phase: 'done', generation: 3 });
  }
  expect(plane.compute.terminated).toEqual([]);
});

test('a run that is not over after all goes on', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();

  expect(await handle({ version: 1, runId, generation: 1, round: 9, phase: 'finish', waitSeconds: 0 })).toMatchObject({ phase: 'launch' });
});

test('the last round of a generation hands over to the next, and ends', async () => {
  const { plane, handle, handedOver } = openWorker();
  const runId = await plane.create();
  await plane.settle(runId);
  const round = (count: number) => ({ version: 1, runId, generation: 2, round: count, phase: 'poll', waitSeconds: 5 });

  expect(await handle(round(ROUNDS_A_GENERATION - 2))).toMatchObject({ phase: 'poll', round: ROUNDS_A_GENERATION - 1 });
  expect(handedOver).toEqual([]);
  expect(await handle(round(ROUNDS_A_GENERATION - 1))).toMatchObject({ phase: 'handed-over' });
  expect(handedOver).toEqual([[runId, 2]]);
});

test('a fault of the plane is thrown, for the state machine to try again', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();
  plane.runs.get = async () => {
    throw new Error('the table is away');
  };

  await expect(handle({ runId, generation: 1 })).rejects.toThrow('the table is away');
});

test.each([
  [null],
  [{}],
  [{ runId: 'run_a' }],
  [{ runId: 'run_a', generation: 0 }],
  [{ version: 2, runId: 'run_a', generation: 1, round: 1, phase: 'poll', waitSeconds: 1 }],
  [{ version: 1, runId: 'run_a', generation: 1, round: 1, phase: 'dance', waitSeconds: 1 }],
  [{ runId: 'run_a', generation: 1, extra: true }],
])('what no release has written is refused by name: %j', async (input) => {
  const { handle } = openWorker();

  await expect(handle(input)).rejects.toMatchObject({ name: 'RoundUnreadable' });
});
