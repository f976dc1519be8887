/** A submission whose reply is lost is sent again by the SDK, and is two jobs of one name: one of them trains, the other one leaves. */
import { expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { makeBatchClient, openBatch, playEc2 } from '../../support/batch-world.ts';
import { aRun } from '../../support/builders.ts';
import { eventually } from '../../support/contract-suite.ts';
import { HostileAws, RULES } from '../../support/hostile-aws/hostile-aws.ts';

/** Whoever makes the folder first has the claim, and trains; the other one finds it taken and ends well. */
const CLAIMS = ['sh', '-c', 'mkdir "/tmp/claim-$NAME" 2>/dev/null || exit 0; trap "exit 0" TERM; sleep 600 & wait'];

async function launchTwice() {
  const losesReplies = RULES.filter(({ service, operations }) => service === 'Batch' && operations.includes('SubmitJob'));
  const hostile = new HostileAws(1, losesReplies);
  const world = await openBatch({ client: hostile.harden(makeBatchClient()), command: CLAIMS });
  for (;;) {
    const run = aRun({ provider: 'aws-batch' });
    const tag = attemptName(run.id, 1);
    const invite = async () => ({ NAME: tag });
    const launch = await world.compute.launch({
      tag,
      run,
      attempt: 1,
      folder: 's3://bucket/runs',
      openEnvironment: async () => ({}),
      invite,
    });
    if (launch.kind !== 'launched') throw new Error(`not launched: ${JSON.stringify(launch)}`);
    if (hostile.struck.size > 0) return { world, tag, handle: launch.handle, jobs: () => world.named(tag) };
    await world.end(tag, launch.handle);
  }
}

test('the attempt is alive while one of them trains, whichever of them the plane knows', async () => {
  const { world, tag, handle, jobs } = await launchTwice();
  await eventually(async () => expect((await jobs()).map(({ status }) => status).sort()).toEqual(['RUNNING', 'SUCCEEDED']));
  await world.jobs.refresh();

  expect(await world.compute.observe(tag, handle)).toEqual({ liveness: 'alive' });
  expect(await world.compute.observe(tag, null)).toMatchObject({ liveness: 'alive' });

  await world.end(tag, handle);
  expect((await jobs()).map(({ status }) => status).sort()).toEqual(['FAILED', 'SUCCEEDED']);
});

test('what happened to the one that trained is told, not that the other one left', async () => {
  const { world, tag, handle, jobs } = await launchTwice();
  await eventually(async () => expect((await jobs()).map(({ status }) => status).sort()).toEqual(['RUNNING', 'SUCCEEDED']));
  const trains = (await jobs()).find(({ status }) => status === 'RUNNING');

  await playEc2('endhost', { jobId: trains?.jobId });
  await eventually(async () => expect((await jobs()).map(({ status }) => status).sort()).toEqual(['FAILED', 'SUCCEEDED']));
  await world.jobs.refresh();

  expect(await world.compute.observe(tag, handle)).toMatchObject({ liveness: 'gone', ending: { code: 'interrupted' } });
});
