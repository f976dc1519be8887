/**
 * The adapter of a trajectory, for real: `POST /train/hypernetwork` with the body of its document, on the trajectory that ships, and what
 * the adapter answers then. One trainer start; tiny-llama and its hypernetwork are built in it, as in a new home.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { PlaneProcess } from '../support/plane-process.ts';
import { request, type TestReply } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const TRAINER = join(import.meta.dirname, '..', '..', 'trainer-image');
const PYTHON = join(TRAINER, '.venv', 'bin', 'python');
const LIMIT_MILLIS = 1_200_000;
const LOOK_MILLIS = 500;
const run = promisify(execFile);

test('a trajectory becomes an adapter that knows what the base cannot', { timeout: LIMIT_MILLIS }, async () => {
  const folder = await makeTemporaryFolder();
  const home = join(folder.path, 'home');
  const variables = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', PORT: '0', TUNEPLANE_HOME: home };
  const plane = await PlaneProcess.start({ ...variables, TUNEPLANE_DATA_ROOT: folder.path });

  const started = await request(plane.url, 'POST', '/train/hypernetwork', { task_type: 'gen', trajectory_ids: ['t-1'] });
  const { job_id: id } = z.object({ job_id: z.string() }).parse(started.body);
  const job = await jobWhenDone(plane.url, id);
  const adapter = await request(plane.url, 'GET', `/adapters/${id}`);
  const download = await request(plane.url, 'POST', `/api/training/jobs/${id}/download-artifact`);
  await plane.kill('SIGTERM');

  expect(started).toMatchObject({ status: 200, body: { status: 'queued' } });
  expect(job.body).toMatchObject({ status: 'completed', adapter_id: id, task_type: 'gen', error: null });
  expect(adapter).toMatchObject({ status: 200, body: { base_model: 'tiny-llama', task_type: 'gen' } });
  expect(download).toMatchObject({ status: 200, body: { path: expect.stringMatching(/adapter_model\.safetensors$/) } });
  const { path } = z.object({ path: z.string() }).parse(download.body);
  const asked = ['Set the candle in the studio to 20.', 'Please switch off the attic candle.'];
  const { stdout } = await run(
    PYTHON,
    ['-m', 'trainer.ask', '--adapter', join(path, '..'), '--cache', join(home, 'cache'), '--json', ...asked],
    {
      cwd: TRAINER,
      env: { ...variables, OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' },
    },
  );
  const answers = z.array(z.object({ base: z.string(), tuned: z.string() })).parse(JSON.parse(stdout));
  expect(answers.map(({ tuned }) => tuned)).toEqual([
    'Sure, I will set the lamp in the studio to 20.',
    'Sure, I will turn off the lamp in the attic.',
  ]);
  for (const { base, tuned } of answers) expect(base).not.toBe(tuned);
  await folder.remove();
});

/** Until the run is over; the test's own limit ends the wait. */
async function jobWhenDone(url: string, id: string): Promise<TestReply> {
  for (;;) {
    const job = await request(url, 'GET', `/jobs/${id}`);
    if (!['queued', 'running'].includes(z.object({ status: z.string() }).parse(job.body).status)) return job;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS));
  }
}
