import { ListExecutionsCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { expect, test } from 'vitest';
import { RunGenerations } from '#aws/run-generations.ts';
import { anEvent, aRun } from '../support/builders.ts';
import { eventually } from '../support/contract-suite.ts';
import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { makeSfnClient } from '../support/lambda-world.ts';
import { openScriptedMachine } from '../support/scripted-machine.ts';
import { makeDynamoClient, openTable } from '../support/table-world.ts';

describeBoth((harden) => {
  async function openGenerations() {
    const client = harden(makeSfnClient());
    const { stateMachineArn } = await openScriptedMachine();
    const { table, runs } = await openTable(harden(makeDynamoClient()));
    const run = aRun({ id: 'run_endless' });
    await runs.create(run, [anEvent(run)]);
    // What a person would see in the console, without anybody's tricks.
    const console = makeSfnClient();
    const names = async (statusFilter?: 'RUNNING' | 'ABORTED'): Promise<string[]> => {
      const { executions = [] } = await console.send(new ListExecutionsCommand({ stateMachineArn, ...(statusFilter && { statusFilter }) }));
      return executions.map(({ name }) => String(name)).sort();
    };
    const stop = async (name: string): Promise<void> => {
      await console.send(new StopExecutionCommand({ executionArn: `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}` }));
      await eventually(async () => expect(await names('ABORTED')).toContain(name));
    };
    return { generations: new RunGenerations({ client, stateMachineArn, table }), run, runs, names, stop };
  }

  test('a stopped execution is not a cancel: the next generation is started, once, however many ask', async () => {
    const { generations, run, runs, names, stop } = await openGenerations();

    expect([await generations.begin(run.id), await generations.begin(run.id)]).toEqual([true, true]);
    await generations.ensure(run.id);
    expect(await names('RUNNING')).toEqual(['run_endless-g1']);

    await stop('run_endless-g1');
    expect(await generations.running()).toEqual(new Set());
    await Promise.all(Array.from({ length: 5 }, () => generations.ensure(run.id)));

    expect(await names('RUNNING')).toEqual(['run_endless-g2']);
    await eventually(async () => expect(await generations.running()).toEqual(new Set(['run_endless'])));
    expect((await runs.get(run.id))?.run).toEqual(run);
  });

  test('the name of an execution that is over is taken: the next generations have names of their own', async () => {
    const { generations, run, names, stop } = await openGenerations();
    await generations.begin(run.id);

    for (const generation of [1, 2, 3]) {
      await stop(`run_endless-g${generation}`);
      expect(await generations.begin(run.id)).toBe(false);
      await generations.ensure(run.id);
      expect(await names('RUNNING')).toEqual([`run_endless-g${generation + 1}`]);
    }
  });

  test('a hand-over that is repeated, or late, starts one next generation', async () => {
    const { generations, run, names } = await openGenerations();
    await generations.begin(run.id);

    await generations.handOver(run.id, 1);
    await generations.handOver(run.id, 1);

    expect(await names()).toEqual(['run_endless-g1', 'run_endless-g2']);
  });

  test('a run that is gone gets no execution', async () => {
    const { generations, run, runs, names } = await openGenerations();
    await runs.remove(run.id, 1);

    await generations.ensure(run.id);
    await generations.ensure('run_never');

    expect(await names()).toEqual([]);
  });
});
