/** A worker and a plane whose runs lie in the store: a process with a token of its own, and no key of the store. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { clientOptions, REGION } from '../support/aws-clients.ts';
import { CommandProcess } from '../support/command-line.ts';
import { openBucket } from '../support/s3-world.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';

const script = { stepSeconds: 0.02, steps: 40, saveSteps: 20 };

test('a run whose folder and data are in the store trains on a worker with the credentials of its claim alone', {
  timeout: 240_000,
}, async () => {
  const bucket = await openBucket();
  const { credentials, endpoint } = clientOptions();
  await using plane = await ScriptedPlane.start(script, {
    TUNEPLANE_MAX_RUNS: '0',
    TUNEPLANE_ARTIFACTS: `s3://${bucket.bucket}/tuneplane`,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: REGION,
    AWS_ENDPOINT_URL: endpoint,
  });
  const home = join(plane.environment.home, '..', 'worker');
  mkdirSync(home);
  const worker = new CommandProcess(['worker', '--url', plane.url, '--name', 'box', '--home', home, '--max-runs', '1'], {
    TUNEPLANE_TRAINER_PYTHON: plane.environment.trainerPython ?? '',
    TUNEPLANE_ENGINE: plane.environment.engineCommand ?? '',
    TUNEPLANE_SCRIPT: JSON.stringify(script),
  });
  const id = await plane.startJob();
  await plane.jobWhenDone(id);
  const { body } = await plane.request('GET', `/runs/${id}`);
  const download = await plane.request('POST', `/api/training/jobs/${id}/download-artifact`);
  worker.signal('SIGTERM');
  await worker.ended();
  await bucket.close();

  expect(body, worker.errors).toMatchObject({ state: 'completed', attempts: [{ outcome: 'completed', place: 'worker box' }] });
  const { path } = z.looseObject({ path: z.string() }).parse(download.body);
  expect(path).toContain(`s3://${bucket.bucket}/tuneplane/runs/${id}/`);
});
