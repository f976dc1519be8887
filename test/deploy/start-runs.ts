/** The same small run, asked for through each of the APIs. */
import type { TestReply } from '../support/scripted-plane.ts';
import type { DeployedPlane } from './deployed-plane.ts';

export const ROWS = '{"instruction": "turn on the light in the kitchen", "input": "", "output": "{\\"set\\": \\"on\\"}"}\n'.repeat(24);
const JSON_LINES = { 'content-type': 'application/x-ndjson' };

export async function storeRows(plane: DeployedPlane): Promise<void> {
  textOf(await plane.request('PUT', '/datasets/rows', ROWS, JSON_LINES), 'name');
}

export async function startSft(plane: DeployedPlane, config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const request = { config: { base_model: 'tiny-llama', dataset_name: 'dataset:rows', max_steps: 20, ...config } };
  return textOf(await plane.request('POST', '/api/sft/train', request), 'job_id');
}

export async function startOnSession(plane: DeployedPlane): Promise<string> {
  await plane.request('PUT', '/sessions/s-1', ROWS, JSON_LINES);
  return textOf(await plane.request('POST', '/train/lora', { session_id: 's-1', epochs: 1 }), 'job_id');
}

export async function startUnified(plane: DeployedPlane): Promise<string> {
  const request = {
    framework: 'hf',
    model_id: 'tiny-llama',
    run_id: 'demo_001',
    checkpoint_base_uri: `s3://${plane.outputs['BucketName']}/teams/one`,
    dataset_uri: 'dataset:rows',
    extra_args: { max_steps: 20 },
  };
  return textOf(await plane.request('POST', '/train', request), 'job_id');
}

export async function startOrchestrated(plane: DeployedPlane): Promise<string> {
  const created = await plane.request('POST', '/api/training/jobs', { base_model: 'tiny-llama', dataset: 'dataset:rows' });
  const id = textOf(created, 'job_id');
  textOf(await plane.request('POST', `/api/training/jobs/${id}/submit`, { provider: 'aws-batch' }), 'job_id');
  return id;
}

export async function startInProject(plane: DeployedPlane): Promise<string> {
  const project = textOf(await plane.request('POST', '/projects', { name: 'lights', base_model: 'tiny-llama' }), 'id');
  return textOf(await plane.request('POST', `/projects/${project}/runs`, { dataset: 'dataset:rows' }), 'id');
}

/** @throws Error with the whole answer where it has no such text */
export function textOf({ status, body }: TestReply, field: string): string {
  const value = typeof body === 'object' && body !== null ? Reflect.get(body, field) : undefined;
  if (status >= 300 || typeof value !== 'string') throw new Error(`${status} without '${field}': ${JSON.stringify(body)}`);
  return value;
}
