import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { defineStateMachine } from '#aws/state-machine.ts';
import { createHandler, ROUNDS_A_GENERATION } from '#workers/advance-run.ts';
import { readRound } from '#workers/round.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { openScriptedMachine, SCRIPTED } from '../support/scripted-machine.ts';
import { executeStateMachine } from '../support/state-machine-run.ts';

const DEFINITION = defineStateMachine('advance-run');
const START = { runId: 'run_a', generation: 1 };
/** docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: 25,000 events an execution; ours keep to 4,500 */
const MOST_EVENTS = 4_500;

/** A run that never ends, looked at by the real worker. */
async function openEndless() {
  const plane = new MemoryPlane();
  const runId = await plane.create({ maxRuntimeSeconds: 365 * 86_400 });
  const generations: number[] = [];
  const handle = createHandler(plane.ports, { handOver: async (_, generation) => void generations.push(generation) });
  const trainer = plane.trainer(runId);
  return { plane, runId, generations, handle, trainer };
}

test('a round of waiting is three transitions and nine events of history', async () => {
  const { runId, handle } = await openEndless();

  const { states, history } = await executeStateMachine(DEFINITION, { runId, generation: 1 }, { task: handle, maxStates: 66 });

  const from = states.indexOf('WaitForProgress');
  expect(states.slice(from)).toEqual(Array.from({ length: (66 - from) / 3 }, () => ['WaitForProgress', 'PollRun', 'NextStep']).flat());
  expect(history.slice(-9)).toEqual([
    'WaitStateEntered',
    'WaitStateExited',
    'TaskStateEntered',
    'TaskScheduled',
    'TaskStarted',
    'TaskSucceeded',
    'TaskStateExited',
    'ChoiceStateEntered',
    'ChoiceStateExited',
  ]);
});

test('an execution of 480 rounds has at most 4,500 events of history, and hands over to the next', async () => {
  const { runId, handle, generations } = await openEndless();

  const execution = await executeStateMachine(DEFINITION, { runId, generation: 1 }, { task: handle });

  expect(execution).toMatchObject({ status: 'SUCCEEDED', output: { phase: 'handed-over', round: ROUNDS_A_GENERATION } });
  expect(execution.states.at(-1)).toBe('HandedOver');
  expect(execution.history.length).toBeLessThanOrEqual(MOST_EVENTS);
  expect(generations).toEqual([1]);
});

test('a run goes through the states by name, from preparation to its end', async () => {
  const { plane, runId, handle, trainer } = await openEndless();
  let waits = 0;

  const { states, status } = await executeStateMachine(
    DEFINITION,
    { runId, generation: 1 },
    {
      task: handle,
      pass: async (seconds) => {
        plane.now += seconds * 1_000;
        waits += 1;
        if (waits === 1) await trainer.claim();
        else if (waits === 2) await trainer.report('training');
        else await trainer.finish('completed');
      },
    },
  );

  expect(status).toBe('SUCCEEDED');
  expect(states.filter((name) => name !== 'NextStep')).toEqual([
    'PrepareRun',
    'LaunchRun',
    'PollRun',
    'WaitForProgress',
    'PollRun',
    'WaitForProgress',
    'PollRun',
    'WaitForProgress',
    'PollRun',
    'FinishRun',
    'Done',
  ]);
});

test('errors of a task are tried again without end, and never touch the run', async () => {
  const { runId, handle } = await openEndless();
  let faults = 0;
  const task = async (input: unknown): Promise<unknown> => {
    if (faults++ < 1_000) throw new Error('throttled');
    return handle(input);
  };

  const { status, states } = await executeStateMachine(DEFINITION, { runId, generation: 1 }, { task, maxStates: 20 });

  expect([status, states[0], states[1]]).toEqual(['CUT OFF', 'PrepareRun', 'NextStep']);
});

test('input that no release has written ends the execution with an alarm', async () => {
  const { handle } = await openEndless();

  const { status, states } = await executeStateMachine(DEFINITION, { unknown: true }, { task: handle });

  expect([status, states]).toEqual(['FAILED', ['PrepareRun', 'GaveUp']]);
});

test.each(['1.json'])('every task of a recorded history (format %s) is still understood, and still goes the same way', async (file) => {
  const recorded = JSON.parse(await readFile(`test/fixtures/rounds/${file}`, 'utf8'));

  for (const { input, output, next } of recorded) {
    expect(() => readRound(input)).not.toThrow();
    const { states } = await executeStateMachine(DEFINITION, input, { task: async () => output, maxStates: 3 });
    expect(states[2], JSON.stringify(output)).toBe(next);
  }
});

test('every way that a round can end leads somewhere, and every state is reached by one', async () => {
  const reached = new Set(['PrepareRun', 'NextStep', 'GaveUp']);

  for (const phase of ['prepare', 'launch', 'poll', 'finish', 'done', 'handed-over']) {
    for (const waitSeconds of [0, 5]) {
      const { states } = await executeStateMachine(DEFINITION, START, { task: async () => ({ phase, waitSeconds }), maxStates: 3 });
      reached.add(states[2] ?? '');
    }
  }

  expect(reached).toEqual(new Set(Object.keys(DEFINITION.States)));
});

test('the emulator takes the definition and writes the same history', async () => {
  const { run } = await openScriptedMachine();
  const { handler } = await import(`data:text/javascript,${encodeURIComponent(SCRIPTED)}`);

  const expected = await executeStateMachine(DEFINITION, START, { task: handler });

  expect(await run('run_a')).toEqual(expected.history);
  expect((await run('run_flaky')).at(-1)).toBe('ExecutionSucceeded');
  expect((await run('run_broken')).slice(-4)).toEqual(['TaskFailed', 'TaskStateExited', 'FailStateEntered', 'ExecutionFailed']);
});
