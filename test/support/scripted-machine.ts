import { GetExecutionHistoryCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { expect } from 'vitest';
import { defineStateMachine } from '#aws/state-machine.ts';
import { eventually } from './contract-suite.ts';
import { createFunction, createRole, createStateMachine, makeSfnClient } from './lambda-world.ts';

/** By the id of its run: one that ends, one that never does, one whose task often fails, one whose input nobody can read. */
export const SCRIPTED = `
export const handler = async (input) => {
  const round = (input.round ?? 0) + 1;
  if (input.runId === 'run_broken') throw Object.assign(new Error('what is this'), { name: 'RoundUnreadable' });
  if (input.runId === 'run_flaky' && Math.random() < 0.5) throw Object.assign(new Error('later'), { name: 'Flaky' });
  const phase = input.runId === 'run_endless' || round < 4 ? ['prepare', 'launch', 'poll'][Math.min(round, 3) - 1] : input.phase === 'finish' ? 'done' : 'finish';
  return { version: 1, runId: input.runId, generation: input.generation, round, phase, waitSeconds: phase === 'poll' ? (input.runId === 'run_endless' ? 600 : 1) : 0 };
};`;

/** The state machine in the emulator, with a function behind it that only plays the part of rounds. */
export async function openScriptedMachine() {
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
  return { stateMachineArn, run };
}
