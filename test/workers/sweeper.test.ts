import { expect, test } from 'vitest';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import { DEFAULT_PROJECT, editProject, getProject } from '#operations/projects.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { Compute } from '#ports/compute.ts';
import type { Rental, RentedMachine } from '#ports/rental.ts';
import { createHandler, type SweeperOptions } from '#workers/sweeper.ts';
import { EPOCH } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

function openSweeper(overrides: Partial<SweeperOptions> = {}) {
  const plane = new MemoryPlane();
  const running = new Set<string>();
  const ensured: string[] = [];
  const sweep = createHandler(plane.ports, {
    executions: { running: async () => running, ensure: async (runId) => void ensured.push(runId) },
    refreshMachines: async () => [],
    repeatStatus: async () => {},
    log: () => {},
    ...overrides,
  });
  return { plane, running, ensured, sweep };
}

test('with all well it starts, rings and publishes nothing', async () => {
  const { plane, running, ensured, sweep } = openSweeper();
  running.add(await plane.create());
  await sweep();

  expect(await sweep()).toEqual({ live: 1, started: 0, rung: 0, published: 0 });
  expect([ensured, plane.nudged]).toEqual([[], []]);
});

test('starts the workflow of live runs that have none: accepted and never started, or stopped by somebody', async () => {
  const { plane, running, ensured, sweep } = openSweeper();
  const [accepted, healthy, aborted, over] = [await plane.create(), await plane.create(), await plane.create(), await plane.create()];
  running.add(healthy);
  await plane.settle(aborted);
  await stopRun(plane.ports, over);

  expect(await sweep()).toMatchObject({ live: 3, started: 2 });
  expect(ensured.sort()).toEqual([accepted, aborted].sort());
});

test('publishes events that nobody was woken for', async () => {
  const { plane, sweep } = openSweeper();
  await plane.create();

  expect(await sweep()).toMatchObject({ published: 2 });
  expect(await sweep()).toMatchObject({ published: 0 });
});

test('rings the runs whose machines have changed, each once', async () => {
  const { plane, sweep } = openSweeper({ refreshMachines: async () => ['run_a-0001', 'run_b-0002', 'run_a-0001'].map(runIdOfAttempt) });

  expect(await sweep()).toMatchObject({ rung: 2 });
  expect(plane.nudged).toEqual(['run_a', 'run_b']);
});

test('rings the live runs of providers whose machines go without a word', async () => {
  const { plane, sweep } = openSweeper({ untold: ['local'] });
  const [live, over] = [await plane.create(), await plane.create()];
  for (const id of [live, over]) {
    await plane.settle(id);
    await plane.trainer(id).claim();
    await plane.trainer(id).report('training');
    await plane.settle(id);
  }
  await plane.trainer(over).finish('completed');
  await plane.settle(over);
  await plane.create(); // it has no machine yet

  await sweep();

  expect(plane.nudged).toEqual([live]);
});

test('ends a rented machine that no run wants, and says of each provider that could not be swept', async () => {
  const machine: RentedMachine = { provider: 'runpod', id: 'pod-1', label: 'tp-x', tag: 'run_gone-0001', askedAt: EPOCH };
  const ended: string[] = [];
  const rental = (provider: string, owned: Rental['owned']): Rental => ({
    provider,
    owned,
    check: async () => '',
    handleOf: async () => ({}),
    end: async ({ id }) => void ended.push(id),
    settle: async () => [],
    bill: async () => ({ machines: 0, seconds: 0, gpuSeconds: 0, usd: 0, isFinal: true }),
    lastWords: async () => [],
  });
  const { plane } = openSweeper();
  const away = async (): Promise<never> => Promise.reject(new Error('no answer'));
  const computes = [rental('vastai', away), rental('runpod', async () => [machine])].map((one) => ({
    ...plane.compute,
    heartbeat: 'reports' as const,
    rental: one,
  })) as unknown as Compute[];
  const said: Record<string, unknown>[] = [];
  const sweep = createHandler(
    { ...plane.ports, compute: { of: () => plane.compute, all: () => computes } },
    {
      executions: { running: async () => new Set(), ensure: async () => {} },
      refreshMachines: async () => [],
      repeatStatus: async () => {},
      log: (line) => void said.push(line),
    },
  );

  await expect(sweep()).rejects.toThrow('1 parts of the sweep failed');

  expect(ended).toEqual(['pod-1']);
  expect(said).toContainEqual(expect.objectContaining({ event: 'machine-ended', provider: 'runpod', reason: 'no run is recorded for it' }));
});

test('a part that fails does not keep the others from their work, and is not hidden', async () => {
  const { plane, ensured, sweep } = openSweeper({
    refreshMachines: async () => {
      throw new Error('Batch is away');
    },
  });
  const runId = await plane.create();

  await expect(sweep()).rejects.toThrow('1 parts of the sweep failed');
  expect(ensured).toEqual([runId]);
  expect(await plane.runs.undelivered(10)).toEqual([]);
});

test('a new plane has its built-in project after the first sweep, and keeps what is made of it', async () => {
  const { plane, sweep } = openSweeper();

  await sweep();
  await editProject(plane.ports, DEFAULT_PROJECT, { name: 'Ours' });
  await sweep();

  expect(await getProject(plane.ports, DEFAULT_PROJECT)).toMatchObject({ name: 'Ours' });
});
