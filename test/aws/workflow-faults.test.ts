/**
 * Every task of a run's workflow, one after the other: it fails before it has done anything, it has done its work and its answer comes too
 * late, or somebody stops the execution over it. The sweep of each minute is there, and the notifications are not.
 */
import { expect, test } from 'vitest';
import { defineStateMachine } from '#aws/state-machine.ts';
import type { RunEvent } from '#domain/run.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import { createHandler as createAdvance } from '#workers/advance-run.ts';
import { createHandler as createSweeper } from '#workers/sweeper.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { ExecutionStopped, executeStateMachine } from '../support/state-machine-run.ts';

const DEFINITION = defineStateMachine('advance-run');
const SWEEP_MILLIS = 60_000;
/** An execution that was stopped is followed by the next one within two sweeps. */
const MOST_MILLIS_WITHOUT = 2 * SWEEP_MILLIS;
const FAULTS = ['fails', 'times out', 'is stopped'] as const;
type Fault = (typeof FAULTS)[number];

/** One run to its end, with a fault at one call of the task function. @param at counted from 0; infinity: none @returns what came of it */
async function driveRun(fault: Fault, at: number) {
  const plane = new MemoryPlane();
  const published: RunEvent[] = [];
  const ports = { ...plane.ports, sink: { deliver: async (events: readonly RunEvent[]) => void published.push(...events) } };
  const runId = await plane.create();
  const trainer = plane.trainer(runId);
  const work = [() => trainer.claim(), () => trainer.report('training', { step: 12 }), () => trainer.finish('completed')];
  const advance = createAdvance(ports, { handOver: async () => {} });
  let [calls, generation, longestWithout] = [0, 0, 0];
  let isRunning = false;
  const sweep = createSweeper(ports, {
    executions: {
      running: async () => new Set(isRunning ? [runId] : []),
      ensure: async () => {
        isRunning = true;
      },
    },
    refreshMachines: async () => [],
    repeatStatus: async () => {},
    log: () => {},
  });

  const task = async (input: unknown): Promise<unknown> => {
    const isStruck = calls++ === at;
    if (isStruck && fault === 'fails') throw new Error('throttled');
    if (isStruck && fault === 'is stopped') throw new ExecutionStopped();
    const output = await advance(input);
    if (isStruck) throw Object.assign(new Error('no answer in 330 s'), { name: 'States.Timeout' });
    return output;
  };
  const pass = async (seconds: number): Promise<void> => {
    plane.now += seconds * 1_000;
    await work.shift()?.();
  };

  for (let stoppedAt = plane.now; !isFinal((await plane.run(runId)).state); stoppedAt = plane.now) {
    while (!isRunning) {
      await sweep();
      if (!isRunning) plane.now += SWEEP_MILLIS;
    }
    longestWithout = Math.max(longestWithout, plane.now - stoppedAt);
    generation += 1;
    await executeStateMachine(DEFINITION, { runId, generation }, { task, pass, maxStates: 200 });
    isRunning = false;
  }
  isRunning = true; // what the sweeper does beside is to publish
  await sweep();
  return { plane, run: await plane.run(runId), calls, generation, longestWithout, published };
}

const TASKS = (await driveRun('fails', Number.POSITIVE_INFINITY)).calls;

test('without a fault a run takes one execution and a handful of tasks', async () => {
  const { run, generation } = await driveRun('fails', Number.POSITIVE_INFINITY);

  expect([run.state, generation]).toEqual(['completed', 1]);
  expect(TASKS).toBeGreaterThan(5);
});

test.each(FAULTS.flatMap((fault) => Array.from({ length: TASKS }, (_, at) => [at, fault] as const)))(
  'task %i %s, and the run ends as if it had not',
  async (at, fault) => {
    const { plane, run, generation, longestWithout, published } = await driveRun(fault, at);

    expect(run).toMatchObject({ state: 'completed', pastAttempts: [{ number: 1, outcome: 'completed' }] });
    expect(plane.compute.launches).toHaveLength(1);
    expect(plane.compute.released).toContain(`${run.id}-0001`);
    // The last task only looks whether a machine is left: stopped over it, nobody is missing.
    expect(generation).toBe(fault === 'is stopped' && at < TASKS - 1 ? 2 : 1);
    expect(longestWithout).toBeLessThanOrEqual(MOST_MILLIS_WITHOUT);
    expect(published.map(({ sequence }) => sequence)).toEqual(Array.from({ length: run.version }, (_, index) => index + 1));
  },
);
