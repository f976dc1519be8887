/** The life of an attempt's job, on AWS as it is asked plainly and as it behaves under load: its table, its replies, its lists. */
import { expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import type { LaunchOrder } from '#ports/compute.ts';
import { makeBatchClient, openBatch, playEc2 } from '../../support/batch-world.ts';
import { aRun } from '../../support/builders.ts';
import { eventually } from '../../support/contract-suite.ts';
import { comingAgain, describeBoth, type Harden } from '../../support/hostile-aws/hostile-aws.ts';
import { makeDynamoClient } from '../../support/table-world.ts';

function orderFor(): LaunchOrder {
  const run = aRun({ provider: 'aws-batch' });
  const order = { tag: attemptName(run.id, 1), run, attempt: 1, folder: 's3://bucket/runs' };
  return { ...order, openEnvironment: async () => ({}), invite: async () => ({}) };
}

async function openWorld(harden: Harden) {
  const world = await openBatch({ client: harden(makeBatchClient()), tableClient: harden(makeDynamoClient()) });
  return { ...world, compute: comingAgain(world.compute), jobs: comingAgain(world.jobs) };
}
type World = Awaited<ReturnType<typeof openWorld>>;

async function launch({ compute }: World, order: LaunchOrder) {
  const launched = await compute.launch(order);
  if (launched.kind !== 'launched') throw new Error(`not launched: ${JSON.stringify(launched)}`);
  return launched.handle;
}

const isOver = (status: string | undefined): boolean => status === 'SUCCEEDED' || status === 'FAILED';

describeBoth((harden) => {
  test('launched three times it is taken up twice, and its end ends whatever bears its tag', async () => {
    const world = await openWorld(harden);
    const order = orderFor();

    await launch(world, order);
    // A reply that is lost is a second job of the name, never a third: the ones that are there are found.
    const there = (await world.named(order.tag)).length;
    const handle = await launch(world, order);
    await launch(world, order);

    expect(await world.named(order.tag)).toHaveLength(there);
    expect(await world.compute.observe(order.tag, null)).toMatchObject({ liveness: 'alive' });
    await eventually(async () => {
      await world.compute.terminate(order.tag, handle).catch(() => world.clock.advance(5_000));
      expect((await world.named(order.tag)).every(({ status }) => isOver(status))).toBe(true);
    });
    await world.jobs.refresh();
    expect(await world.compute.observe(order.tag, handle)).toMatchObject({ liveness: 'gone' });
  });

  test('a machine that is taken away is an interruption', async () => {
    const world = await openWorld(harden);
    const order = orderFor();
    const handle = await launch(world, order);
    await eventually(async () => expect((await world.named(order.tag)).every(({ status }) => status === 'RUNNING')).toBe(true));

    for (const { jobId } of await world.named(order.tag)) await playEc2('endhost', { jobId });
    await eventually(async () => expect((await world.named(order.tag)).every(({ status }) => status === 'FAILED')).toBe(true));
    await eventually(async () => {
      await world.jobs.refresh();
      expect(await world.compute.observe(order.tag, handle)).toMatchObject({ liveness: 'gone', ending: { code: 'interrupted' } });
    });
  });
});
