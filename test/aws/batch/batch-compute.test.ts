import { ListJobsCommand, RegisterJobDefinitionCommand } from '@aws-sdk/client-batch';
import { expect, test } from 'vitest';
import { chooseClass } from '#aws/batch/compute-classes.ts';
import type { ComputeNeed, Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import { type LaunchOrder, StillEnding } from '#ports/compute.ts';
import { openBatch, playEc2 } from '../../support/batch-world.ts';
import { aRun } from '../../support/builders.ts';
import { countCalls, recordCalls } from '../../support/call-counter.ts';
import { eventually } from '../../support/contract-suite.ts';

function orderFor(run: Run, attempt = 1): LaunchOrder {
  const tag = attemptName(run.id, attempt);
  return {
    tag,
    run,
    attempt,
    folder: 's3://bucket/runs',
    openEnvironment: async () => ({ HF_TOKEN: 'a secret' }),
    invite: async () => ({ TUNEPLANE_BOOTSTRAP_TOKEN: `token of ${tag}` }),
  };
}

const aNeed = (need: Partial<ComputeNeed> = {}): ComputeNeed => ({ ...aRun().compute, ...need });

async function launched(world: Awaited<ReturnType<typeof openBatch>>, overrides: Partial<Run> = {}) {
  const order = orderFor(aRun({ provider: 'aws-batch', ...overrides }));
  const launch = await world.compute.launch(order);
  if (launch.kind !== 'launched') throw new Error(`not launched: ${JSON.stringify(launch)}`);
  return { ...order, handle: launch.handle };
}

const untilRunning = (world: Awaited<ReturnType<typeof openBatch>>, jobId: unknown): Promise<void> =>
  eventually(async () => expect((await world.describe(String(jobId))).status).toBe('RUNNING'));

test('an attempt is one job, named by its tag, tried once, that is told nothing but how to claim', async () => {
  const world = await openBatch();
  const labels = { team: 'aml', 'aws:mine': 'no', 'tuneplane:run': 'another' };

  const { handle, tag, run } = await launched(world, { metadata: { labels } });

  const job = await world.describe(handle['jobId']);
  expect(job).toMatchObject({
    jobName: tag,
    retryStrategy: { attempts: 1 },
    tags: { team: 'aml', 'tuneplane:run': run.id, 'tuneplane:attempt': tag, 'tuneplane:project': 'proj_default' },
    propagateTags: true,
  });
  expect(Object.keys(job.tags ?? {})).not.toContain('aws:mine');
  expect(job.container?.environment).toEqual([{ name: 'TUNEPLANE_BOOTSTRAP_TOKEN', value: `token of ${tag}` }]);
  await world.end(tag, handle);
});

test('launched again under its tag, the job that is there is taken up', async () => {
  const world = await openBatch();
  const { handle, tag, run } = await launched(world);

  const again = await world.compute.launch(orderFor(run));

  expect(again).toEqual({ kind: 'launched', handle });
  const { jobSummaryList } = await world.client.send(
    new ListJobsCommand({ jobQueue: world.queue, filters: [{ name: 'JOB_NAME', values: [tag] }] }),
  );
  expect(jobSummaryList).toHaveLength(1);
  await world.end(tag, handle);
});

test('a launch registers nothing and passes no role', async () => {
  const world = await openBatch();
  const calls = recordCalls(world.client);

  const { handle, tag } = await launched(world);

  expect(countCalls(calls)).toEqual({ ListJobs: 1, SubmitJob: 1 });
  await world.end(tag, handle);
});

test('several nodes are one multi-node job', async () => {
  const world = await openBatch();

  const { handle, tag } = await launched(world, { compute: aNeed({ nodes: 3, gpusPerNode: 1, gpuType: 'a10g' }) });

  expect(handle['class']).toBe('a10g-nodes');
  expect((await world.describe(handle['jobId'])).nodeProperties?.numNodes).toBe(3);
  await world.end(tag, handle);
});

test('several nodes are refused while the trainer trains on one: nobody pays for machines that stand by', async () => {
  const { compute: batch } = await openBatch();

  const reservation = await batch.reserve('tag', aRun({ compute: aNeed({ nodes: 2, gpusPerNode: 1, gpuType: 'a10g' }) }));

  expect(reservation).toMatchObject({
    kind: 'impossible',
    failure: { code: 'no_compute', message: expect.stringMatching(/^2 nodes.*ask for 1 node$/) },
  });
});

test.each<[Partial<ComputeNeed>, RegExp]>([
  [
    { gpusPerNode: 8 },
    /^8 GPUs were asked for; this plane has a10g \(1 x A10G, 24 GB, 1.006 USD an hour\); a10g-nodes \(up to 4 nodes of 1 x A10G/,
  ],
  [{ nodes: 5, gpusPerNode: 1 }, /^5 nodes, 1 GPU each were asked for/],
  [{ gpusPerNode: 1, gpuType: 'H100' }, /^1 H100 was asked for/],
  [{ gpuMemoryGb: 80 }, /^1 GPU, 80 GB of GPU memory were asked for/],
  [{ maxUsdPerHour: 0.5 }, /at most 0.5 USD an hour/],
])('what no class has is impossible, saying what there is: %j', async (need, expected) => {
  const { compute: batch } = await openBatch();

  const reservation = await batch.reserve('tag', aRun({ compute: aNeed(need) }));

  expect(reservation).toEqual({ kind: 'impossible', failure: { code: 'no_compute', message: expect.stringMatching(expected) } });
});

test('machines that may be taken away are only for those who said so, and theirs first', async () => {
  const { classes } = await openBatch();
  const [first] = classes;
  if (!first) throw new Error('no class');
  const both = [first, { ...first, name: 'a10g-spot', spot: true }];
  const chosen = (need: Partial<ComputeNeed>): string | undefined => {
    const choice = chooseClass(both, aNeed(need), null);
    return 'computeClass' in choice ? choice.computeClass.name : undefined;
  };

  expect([chosen({}), chosen({ spot: true })]).toEqual(['a10g', 'a10g-spot']);
});

test('an image that requests may name has a job definition of its own', async () => {
  const world = await openBatch();
  const image = 'registry/team@sha256:1';
  await world.client.send(
    new RegisterJobDefinitionCommand({ jobDefinitionName: 'team', type: 'container', containerProperties: { image, command: ['true'] } }),
  );
  Object.assign(world.classes[0]?.jobDefinitions ?? {}, { [image]: 'team' });

  const { handle, tag } = await launched(world, { metadata: { image } });

  expect((await world.describe(handle['jobId'])).container?.image).toBe(image);
  await world.end(tag, handle);
});

test('with a quota of 0 a run waits, and says what to do, before anything is submitted', async () => {
  const { compute, classes, client } = await openBatch({ quota: async () => 0 });
  Object.assign(classes[0] ?? {}, { quotaCode: 'L-DB2E81BA' });
  const calls = recordCalls(client);

  const reservation = await compute.reserve('tag', aRun());

  expect(reservation).toEqual({
    kind: 'no-capacity',
    waiting: {
      code: 'quota',
      sentence: 'the account may not start a machine of class a10g: quota L-DB2E81BA is 0 vCPUs, and 4 are needed',
      remedy: expect.stringContaining('Service Quotas'),
    },
  });
  expect(calls).toEqual([]);
});

test('a run waits for a trainer image that is still to come; an image that was named is there', async () => {
  const waiting = { code: 'image_building' as const, sentence: 'it is being built', remedy: 'wait' };
  const { compute } = await openBatch({ imageToCome: async () => waiting });
  const named = aRun({ metadata: { image: 'registry/team@sha256:1' } });

  expect(await compute.reserve('tag', aRun())).toEqual({ kind: 'no-capacity', waiting });
  expect(await compute.reserve('tag', named)).toEqual({ kind: 'reserved' });
});

test('several nodes where no class has any are refused, with the settings that they need', () => {
  const one = { name: 'a10g', queue: 'q', jobDefinitions: { trainer: 'd:1' }, gpuType: 'A10G', gpus: 1, gpuMemoryGb: 24, spot: false };
  const single = { ...one, usdPerHour: null, vcpus: 4, nodes: 1, atOnce: 1, quotaCode: null };

  const chosen = chooseClass([single], aNeed({ nodes: 2, gpusPerNode: 1 }), null);

  expect(chosen).toEqual({ problem: expect.stringMatching(/2 nodes.*'nodes' above 1 and 'network: nat' in the settings of the stage/) });
});

test('a job that waits for its machine says why', async () => {
  const world = await openBatch();
  await playEc2('holdqueue', { jobQueue: world.queue, statusReason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - g5.xlarge' });
  const { handle, tag } = await launched(world);
  await eventually(async () => expect((await world.describe(handle['jobId'])).statusReason).toMatch(/^CAPACITY/));

  expect(await world.jobs.refresh()).toEqual([tag]);
  expect(await world.compute.observe(tag, handle)).toEqual({
    liveness: 'alive',
    waiting: { code: 'capacity', sentence: 'AWS has no machine of class a10g free at the moment', remedy: expect.any(String) },
  });

  await playEc2('holdqueue', { jobQueue: world.queue, statusReason: null });
  await untilRunning(world, handle['jobId']);
  await world.jobs.refresh();
  expect(await world.compute.observe(tag, handle)).toEqual({ liveness: 'alive' });
  await world.end(tag, handle);
});

test('a machine that is taken away is an interruption', async () => {
  const world = await openBatch();
  const { handle, tag } = await launched(world);
  await untilRunning(world, handle['jobId']);

  await playEc2('endhost', { jobId: handle['jobId'] });
  await eventually(async () => expect((await world.describe(handle['jobId'])).status).toBe('FAILED'));
  await world.jobs.refresh();

  expect(await world.compute.observe(tag, handle)).toEqual({
    liveness: 'gone',
    ending: { code: 'interrupted', message: expect.stringMatching(/^the machine was taken away: Host EC2 \(instance i-/) },
  });
});

test('a job that ends well by itself is gone, without a reason, and is not terminated', async () => {
  const world = await openBatch({ command: ['true'] });
  const calls = recordCalls(world.client);
  const { handle, tag } = await launched(world);

  await eventually(async () => expect((await world.describe(handle['jobId'])).status).toBe('SUCCEEDED'));
  expect(await world.end(tag, handle)).toBe(1);

  expect(Object.keys(countCalls(calls))).not.toContain('TerminateJob');
  expect(await world.jobs.seen()).toEqual([]);
});

test('a job that ends without an outcome says its exit code', async () => {
  const world = await openBatch({ command: ['sh', '-c', 'exit 3'] });
  const { handle, tag } = await launched(world);
  await eventually(async () => expect((await world.describe(handle['jobId'])).status).toBe('FAILED'));
  await world.jobs.refresh();

  expect(await world.compute.observe(tag, handle)).toMatchObject({
    liveness: 'gone',
    ending: { code: 'supervisor_lost', message: expect.stringContaining('exit code 3') },
  });
});

test('a job has ten seconds to end by itself before it is terminated, and nobody waits for it meanwhile', async () => {
  const world = await openBatch();
  const { handle, tag } = await launched(world);
  await untilRunning(world, handle['jobId']);
  const calls = recordCalls(world.client);
  const terminated = (): number => countCalls(calls)['TerminateJob'] ?? 0;

  await expect(world.compute.terminate(tag, handle)).rejects.toThrow(StillEnding);
  world.clock.advance(9_999);
  await expect(world.compute.terminate(tag, handle)).rejects.toThrow(StillEnding);
  expect(terminated()).toBe(0);
  world.clock.advance(1);
  await expect(world.compute.terminate(tag, handle)).rejects.toThrow(StillEnding);
  expect(terminated()).toBe(1);
  await world.end(tag, handle);
});

test('terminate ends all that carry the tag, also those that hear no SIGTERM', async () => {
  const world = await openBatch({ command: ['sh', '-c', 'trap "" TERM; sleep 600 & wait; wait'] });
  const { handle, tag, run } = await launched(world);
  await untilRunning(world, handle['jobId']);

  await world.end(tag, null);

  expect((await world.describe(handle['jobId'])).status).toBe('FAILED');
  expect(await world.compute.observe(tag, handle)).toMatchObject({ liveness: 'gone' });
  expect(await world.end(attemptName(run.id, 9), null)).toBe(1);
});

test('without a handle, what carries the tag is found, with its handle', async () => {
  const world = await openBatch();
  const { handle, tag } = await launched(world);

  expect(await world.compute.observe(tag, null)).toMatchObject({ liveness: 'alive', handle: { jobId: handle['jobId'] } });
  expect(await world.compute.observe('run_none-0001', null)).toEqual({ liveness: 'gone' });
  await world.end(tag, handle);
});

test('looking at a run asks Batch nothing; a sweep asks once for a hundred jobs', async () => {
  const world = await openBatch();
  const run = await launched(world);
  for (let index = 0; index < 149; index++) {
    const state = { status: 'RUNNING', statusReason: null, exitCode: null, containerReason: null };
    await world.jobs.note(`job-${index}`, { tag: `run_${index}-0001`, className: 'a10g', state });
  }
  const calls = recordCalls(world.client);

  for (let look = 0; look < 20; look++) await world.compute.observe(run.tag, run.handle);
  expect(calls).toEqual([]);

  await world.jobs.refresh();
  expect(countCalls(calls)).toEqual({ DescribeJobs: 2 });
  await world.end(run.tag, run.handle);
});

test('shows its classes as machines, with who trains there and who waits', async () => {
  const world = await openBatch();
  const { handle, tag } = await launched(world);
  await untilRunning(world, handle['jobId']);
  await world.jobs.refresh();

  expect((await world.compute.machines())[0]).toEqual({
    name: 'a10g',
    provider: 'aws-batch',
    slots: 8,
    busy: [tag],
    waiting: [],
    gpus: [{ index: 0, heldBy: null }],
    engines: ['hf', 'meta'],
  });
  await world.end(tag, handle);
});
