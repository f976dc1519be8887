import { readFile } from 'node:fs/promises';
import { GetExecutionHistoryCommand, ListExecutionsCommand, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { expect, test } from 'vitest';
import { RunGenerations } from '#aws/run-generations.ts';
import { defineStateMachine } from '#aws/state-machine.ts';
import { createHandler, ROUNDS_A_GENERATION } from '#workers/advance-run.ts';
import { readRound } from '#workers/round.ts';
import { anEvent, aRun } from '../support/builders.ts';
import { eventually } from '../support/contract-suite.ts';
import { createFunction, createRole, createStateMachine, makeSfnClient } from '../support/lambda-world.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { executeStateMachine } from '../support/state-machine-run.ts';
import { openTable } from '../support/table-world.ts';

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

const SCRIPTED = `
export const handler = async (input) => {
  const round = (input.round ?? 0) + 1;
  if (input.runId === 'run_broken') throw Object.assign(new Error('what is this'), { name: 'RoundUnreadable' });
  if (input.runId === 'run_flaky' && Math.random() < 0.5) throw Object.assign(new Error('later'), { name: 'Flaky' });
  const phase = input.runId === 'run_endless' || round < 4 ? ['prepare', 'launch', 'poll'][Math.min(round, 3) - 1] : input.phase === 'finish' ? 'done' : 'finish';
  return { version: 1, runId: input.runId, generation: input.generation, round, phase, waitSeconds: phase === 'poll' ? (input.runId === 'run_endless' ? 600 : 1) : 0 };
};`;

async function openMachine() {
  const client = makeSfnClient();
  const role = await createRole({ Service: 'lambda.amazonaws.com' }, []);
  const functionArn = await createFunction({ files: { 'index.mjs': SCRIPTED }, handler: 'index.handler' }, role);
  const stateMachineArn = await createStateMachine(defineStateMachine(functionArn), functionArn, client);
  const run = async (runId: string): Promise<string[]> => {
    const { executionArn } = await client.send(
      new StartExecutionCommand({ stateMachineArn, name: `${runId}-g1`, input: JSON.stringify({ runId, generation: 1 }) }),
    );
    const history = async (): Promise<string[]> =>
      ((await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1_000 }))).events ?? []).map(({ type }) =>
        String(type),
      );
    await eventually(async () => expect((await history()).at(-1)).toMatch(/^Execution(Succeeded|Failed)$/));
    return history();
  };
  return { client, stateMachineArn, run };
}

test('the emulator takes the definition and writes the same history', async () => {
  const { run } = await openMachine();
  const { handler } = await import(`data:text/javascript,${encodeURIComponent(SCRIPTED)}`);

  const expected = await executeStateMachine(DEFINITION, START, { task: handler });

  expect(await run('run_a')).toEqual(expected.history);
  expect((await run('run_flaky')).at(-1)).toBe('ExecutionSucceeded');
  expect((await run('run_broken')).slice(-4)).toEqual(['TaskFailed', 'TaskStateExited', 'FailStateEntered', 'ExecutionFailed']);
});

test('a stopped execution is not a cancel: the next generation is started, once, however many ask', async () => {
  const { client, stateMachineArn } = await openMachine();
  const { table, runs } = await openTable();
  const run = aRun({ id: 'run_endless' });
  await runs.create(run, [anEvent(run)]);
  const generations = new RunGenerations({ client, stateMachineArn, table });
  const names = async (status: 'RUNNING' | 'ABORTED'): Promise<string[]> =>
    ((await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: status }))).executions ?? [])
      .map(({ name }) => String(name))
      .sort();

  expect([await generations.begin(run.id), await generations.begin(run.id)]).toEqual([true, true]);
  await generations.ensure(run.id);
  expect(await names('RUNNING')).toEqual(['run_endless-g1']);

  await client.send(
    new StopExecutionCommand({ executionArn: `${stateMachineArn.replace(':stateMachine:', ':execution:')}:run_endless-g1` }),
  );
  await eventually(async () => expect(await names('ABORTED')).toEqual(['run_endless-g1']));
  expect(await generations.running()).toEqual(new Set());
  await Promise.all(Array.from({ length: 5 }, () => generations.ensure(run.id)));

  expect(await names('RUNNING')).toEqual(['run_endless-g2']);
  expect(await generations.running()).toEqual(new Set(['run_endless']));
  expect((await runs.get(run.id))?.run).toEqual(run);
});

test('a hand-over that is repeated, or late, starts one next generation', async () => {
  const { client, stateMachineArn } = await openMachine();
  const { table, runs } = await openTable();
  const run = aRun({ id: 'run_endless' });
  await runs.create(run, [anEvent(run)]);
  const generations = new RunGenerations({ client, stateMachineArn, table });
  await generations.begin(run.id);

  await generations.handOver(run.id, 1);
  await generations.handOver(run.id, 1);

  const { executions = [] } = await client.send(new ListExecutionsCommand({ stateMachineArn }));
  expect(executions.map(({ name }) => name).sort()).toEqual(['run_endless-g1', 'run_endless-g2']);
});

test('a run that is gone gets no execution', async () => {
  const { client, stateMachineArn } = await openMachine();
  const { table, runs } = await openTable();
  const run = aRun({ id: 'run_endless' });
  await runs.create(run, [anEvent(run)]);
  await runs.remove(run.id, 1);
  const generations = new RunGenerations({ client, stateMachineArn, table });

  await generations.ensure(run.id);
  await generations.ensure('run_never');

  expect((await client.send(new ListExecutionsCommand({ stateMachineArn }))).executions).toEqual([]);
});
