/** Document 5: seven endpoints; and a plan, which starts nothing. */
import * as z from 'zod';
import { LINK_HEADER, MAX_PAGE, nextLink } from '#http/paging.ts';
import { RUN_REQUEST_MAX_BODY_BYTES, route } from '#http/route.ts';
import { getRun } from '#operations/get-run.ts';
import { listRuns } from '#operations/list-runs.ts';
import { orderRun, planOrder } from '#operations/order-run.ts';
import { previewOrder } from '#operations/preview-order.ts';
import { getConfig, listConfigs, saveConfig } from '#operations/saved-configs.ts';
import { stopRun } from '#operations/stop-run.ts';
import { linksOfJob, linksOfRun } from '../run-links.ts';
import * as wire from './schemas.ts';
import { toConfig, toJobDetail, toJobStart, toJobStatus, toOrder, toPlan } from './translate.ts';

const LOCATION_HEADER = { location: { description: 'where it can be read', schema: z.string() } } as const;

const LINKS = { ...linksOfRun('/job_id'), ...linksOfJob('/job_id', 'getSftJob', 'stopSftJob') };

const startJob = route({
  method: 'POST',
  path: '/api/sft/train',
  operationId: 'startSftJob',
  summary: 'Start a supervised fine-tuning job',
  effect: 'creates',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.startRequest },
  replies: { 200: { description: 'Accepted: it will run', schema: wire.jobStartResponse, headers: LOCATION_HEADER, links: LINKS } },
  errors: ['config_not_found'],
  examples: {
    tiny: {
      config: {
        base_model: 'tiny-llama',
        dataset_name: 'examples/alpaca.jsonl',
        dataset_format: 'alpaca',
        max_steps: 300,
        output_dir: './outputs/sft_tiny',
      },
    },
  },
  handle: async ({ body: { config }, remember }, ports) => {
    const reply = (view: Parameters<typeof toJobStart>[0]) => ({
      status: 200,
      headers: { location: `/api/sft/jobs/${view.run.id}` },
      body: toJobStart(view),
    });
    const saved = config.config_id === undefined ? null : (await getConfig(ports, config.config_id)).config;
    return reply(await orderRun(ports, toOrder(config, saved), (view) => remember(reply(view))));
  },
});

const planJob = route({
  method: 'POST',
  path: '/api/sft/plan',
  operationId: 'planSftJob',
  summary: 'What a request would become: every parameter, the data, where it would train. Starts nothing',
  maxBodyBytes: RUN_REQUEST_MAX_BODY_BYTES,
  request: { body: wire.startRequest },
  replies: {
    200: { description: 'The request is valid; `failure` says what would still end it before it trains', schema: wire.planResponse },
  },
  errors: ['config_not_found'],
  examples: { tiny: { config: { base_model: 'tiny-llama', dataset_name: 'examples/alpaca.jsonl' } } },
  handle: async ({ body: { config } }, ports) => {
    const saved = config.config_id === undefined ? null : (await getConfig(ports, config.config_id)).config;
    return { status: 200, body: toPlan(await previewOrder(ports, toOrder(config, saved))) };
  },
});

const getJob = route({
  method: 'GET',
  path: '/api/sft/jobs/{job_id}',
  operationId: 'getSftJob',
  summary: 'Get a job with progress, samples and result',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'The job', schema: wire.jobDetailResponse } },
  errors: ['run_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toJobDetail(await getRun(ports, params.job_id)) }),
});

const listJobs = route({
  method: 'GET',
  path: '/api/sft/jobs',
  operationId: 'listSftJobs',
  summary: 'List all jobs, newest first',
  request: { query: wire.jobsQuery },
  replies: { 200: { description: 'The jobs', schema: wire.jobListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listRuns(ports, {}, query.limit ?? MAX_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: { jobs: page.items.map(toJobStatus) } };
  },
});

const stopJob = route({
  method: 'POST',
  path: '/api/sft/jobs/{job_id}/stop',
  operationId: 'stopSftJob',
  summary: 'Stop a job; a live one saves a final checkpoint first',
  effect: 'acts',
  request: { params: wire.jobParams },
  replies: { 200: { description: 'Accepted, and irrevocable', schema: wire.stopResponse } },
  errors: ['run_not_found', 'transition_refused'],
  handle: async ({ params }, ports) => ({ status: 200, body: { message: `Job ${(await stopRun(ports, params.job_id)).run.id} stopped` } }),
});

const saveSftConfig = route({
  method: 'POST',
  path: '/api/sft/configs',
  operationId: 'saveSftConfig',
  summary: 'Save a configuration',
  effect: 'creates',
  request: { body: wire.saveRequest },
  replies: {
    200: {
      description: 'Saved',
      schema: wire.configSaveResponse,
      headers: LOCATION_HEADER,
      links: { getSftConfig: { config_id: '/config_id' } },
    },
  },
  examples: {
    qlora: {
      name: 'alpaca_qlora_tiny',
      config: { base_model: 'tiny-llama', dataset_name: 'examples/alpaca.jsonl', use_qlora: true, lora_r: 16 },
    },
  },
  handle: async ({ body, remember }, ports) => {
    const reply = (id: string) => ({
      status: 200,
      headers: { location: `/api/sft/configs/${id}` },
      body: { config_id: id, name: body.name },
    });
    await planOrder(ports, toOrder(body.config, null)); // held to the same rules as one that starts a run
    return reply((await saveConfig(ports, body.name, body.config, (saved) => remember(reply(saved.id)))).id);
  },
});

const listSftConfigs = route({
  method: 'GET',
  path: '/api/sft/configs',
  operationId: 'listSftConfigs',
  summary: 'List saved configurations, newest first',
  request: { query: wire.configsQuery },
  replies: { 200: { description: 'The configurations', schema: wire.configListResponse, headers: LINK_HEADER } },
  handle: async ({ query, ...context }, ports) => {
    const page = await listConfigs(ports, query.limit ?? MAX_PAGE, query.after);
    return { status: 200, headers: nextLink(context, page.next), body: page.items.map(toConfig) };
  },
});

const getSftConfig = route({
  method: 'GET',
  path: '/api/sft/configs/{config_id}',
  operationId: 'getSftConfig',
  summary: 'Get a saved configuration',
  request: { params: wire.configParams },
  replies: { 200: { description: 'The configuration', schema: wire.configResponse } },
  errors: ['config_not_found'],
  handle: async ({ params }, ports) => ({ status: 200, body: toConfig(await getConfig(ports, params.config_id)) }),
});

export const sftRoutes = [startJob, planJob, listJobs, getJob, stopJob, saveSftConfig, listSftConfigs, getSftConfig];
