/** Names and folders of jobs: one run a name for ever, one live run a folder at a time. */
import { beforeEach, expect, test } from 'vitest';
import { createJob, getJob, type NewJob } from '#operations/create-job.ts';
import { stopRun } from '#operations/stop-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

const aJob = (overrides: Partial<NewJob> = {}): NewJob => ({
  jobName: 'hf-poems',
  runId: 'poems',
  base: 's3://bucket/runs',
  resume: false,
  order: {
    api: 'unified-trainer',
    asked: { baseModel: 'tiny-llama', dataset: 'data/poems.jsonl', peftMethod: 'lora', hyperparameters: {} },
    at: { base: 'model_id', dataset: 'dataset_uri', prefix: 'extra_args.' },
    request: {},
    name: null,
    projectId: 'proj_default',
    outputDir: null,
    submit: true,
  },
  ...overrides,
});

async function finished(job: NewJob): Promise<string> {
  const { run } = await createJob(plane.ports, job);
  await stopRun(plane.ports, run.id);
  return run.id;
}

test('the run folder is below the base, under the run_id and the framework', async () => {
  const { run } = await createJob(plane.ports, aJob());

  expect(run).toMatchObject({ name: 'hf-poems', folder: 'bases/bucket/runs/poems/framework=hf', resumedFrom: null });
  expect((await getJob(plane.ports, 'hf-poems')).run.id).toBe(run.id);
  expect((await getJob(plane.ports, run.id)).run.id).toBe(run.id);
});

test('a name stays taken after its run is over', async () => {
  await finished(aJob());

  await expect(createJob(plane.ports, aJob({ runId: 'other' }))).rejects.toMatchObject({ code: 'name_taken' });
});

test('one run_id has one live run, and the next when that is over', async () => {
  const { run } = await createJob(plane.ports, aJob());

  await expect(createJob(plane.ports, aJob({ jobName: 'second' }))).rejects.toMatchObject({ code: 'name_taken' });
  await stopRun(plane.ports, run.id);
  await createJob(plane.ports, aJob({ jobName: 'second' }));
  expect((await getJob(plane.ports, 'second')).run.state).toBe('queued');
});

test('of many at once for one run_id one is live', async () => {
  await finished(aJob());

  const jobs = Array.from({ length: 10 }, (_, index) => createJob(plane.ports, aJob({ jobName: `rival-${index}` })));

  expect((await Promise.allSettled(jobs)).filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a base that cannot be is told by its own field', async () => {
  plane.artifacts.placeBase = async () => ({ problem: 'must stay below the data root' });

  await expect(createJob(plane.ports, aJob())).rejects.toMatchObject({ problems: [{ path: 'checkpoint_base_uri' }] });
});

test('a resume passes over a torn checkpoint and goes on from the newest whole one', async () => {
  const first = await createJob(plane.ports, aJob());
  const { id, folder } = first.run;
  await plane.settle(id);
  const trainer = plane.trainer(id, 1, folder);
  await trainer.claim();
  await trainer.checkpoint(5);
  await trainer.checkpoint(10, { torn: true });
  await trainer.finish('stopped');
  plane.setLiveness(id, 1, 'alive');
  await stopRun(plane.ports, id);
  await plane.settle(id);

  await expect(createJob(plane.ports, aJob({ jobName: 'second' }))).rejects.toMatchObject({
    problems: [{ path: 'run_id', message: expect.stringContaining('the newest is step-000010') }],
  });
  const { run } = await createJob(plane.ports, aJob({ jobName: 'second', resume: true }));

  expect(run).toMatchObject({ resumedFrom: { runId: id, checkpoint: 'step-000005', folder: 'step-000005', step: 5 } });
  expect(run.metadata).toMatchObject({ notes: ['goes on from step-000005'] });
});
