/** Document 2: submit and look. `/healthz` is the platform's. */
import * as z from 'zod';
import type { RunView } from '#domain/run.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { createJob, getJob } from '#operations/create-job.ts';
import { readConfig } from '#operations/read-config.ts';
import { linksOfRun } from '../run-links.ts';
import * as wire from './schemas.ts';
import { toCreated, toJobStatus, toNewJob } from './translate.ts';

const toReply = (view: RunView) => ({
  status: 201,
  headers: { location: `/train/${view.run.name ?? view.run.id}` },
  body: toCreated(view),
});

const submitJob = route({
  method: 'POST',
  path: '/train',
  operationId: 'submitUnifiedTrainingJob',
  summary: 'Submit a training job',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.trainRequest },
  replies: {
    201: {
      description: 'Created',
      schema: wire.jobStatusResponse,
      links: { ...linksOfRun('/job_id'), getUnifiedTrainingJob: { job_name: '/name' } },
      headers: { location: { description: 'where it can be read', schema: z.string() } },
    },
  },
  errors: ['name_taken'],
  examples: {
    tiny: {
      framework: 'hf',
      model_id: 'tiny-llama',
      run_id: 'demo_001',
      checkpoint_base_uri: './runs',
      dataset_uri: 'examples/alpaca.jsonl',
      extra_args: { max_steps: 100, lr: 0.003, gradient_accumulation: 1 },
    },
  },
  handle: async ({ body, remember }, ports) => {
    const config = body.config_path === undefined ? {} : await readConfig(ports, body.config_path, 'config_path');
    return toReply(await createJob(ports, toNewJob(body, config, ports.settings.allowedImages), (view) => remember(toReply(view))));
  },
});

const getOneJob = route({
  method: 'GET',
  path: '/train/{job_name}',
  operationId: 'getUnifiedTrainingJob',
  summary: 'Get a job by its name, or any run by its id',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The job', schema: wire.jobStatusResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toJobStatus(await getJob(ports, params.job_name)) }),
});

export const unifiedTrainerRoutes = [submitJob, getOneJob];
