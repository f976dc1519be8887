/**
 * Whole runs on each provider through document 3: a real plane, real connectors over HTTP, fake servers that run the real supervisor on
 * machines that are processes, a store whose access rules are on. The plane is on loopback and has no address that machines would know.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { RENTING_PROVIDERS } from '#domain/providers.ts';
import { attemptName } from '#domain/run-folder.ts';
import { HomeMachineTokens } from '#local/home-machine-tokens.ts';
import { RentedPlane } from '../support/rented-plane.ts';

const LONG = { timeout: 600_000 };
const said: string[] = [];
let world: RentedPlane;
beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation((...parts: unknown[]) => void said.push(parts.map(String).join(' ')));
  world = await RentedPlane.start();
});
afterAll(async () => {
  await world?.close();
  vi.restoreAllMocks();
});

const runSchema = z.looseObject({
  gpu_seconds: z.looseObject({ spent: z.number(), useful: z.number() }),
  cost_usd: z.number().nullable(),
  attempts: z.array(z.looseObject({ number: z.int(), outcome: z.string().nullable(), place: z.string().nullable() })),
});
const artifactSchema = z.object({ path: z.string(), size_bytes: z.int(), hash_sha256: z.string(), download_url: z.string() });
const JOBS = '/api/training/jobs';

async function checkpointsOf(id: string): Promise<unknown[]> {
  const { body } = await world.request('GET', `/runs/${id}/checkpoints`);
  return z.object({ items: z.array(z.unknown()) }).parse(body).items;
}

describe.concurrent.each(RENTING_PROVIDERS)('%s', (provider) => {
  test('trains with the real engine, shows its metrics live, and its adapter comes with the hash that was promised', LONG, async () => {
    const id = await world.submit(provider, {
      isReal: true,
      body: { hyperparameters: { max_steps: 40, save_steps: 20 }, secrets: { HF_TOKEN: 'hf-team' } },
    });

    const live = await world.when(id, ({ state, current_metrics: metrics }) => state === 'running' && (metrics?.step ?? 0) > 0);
    const [machine] = world.machinesOf(id);
    expect(live.provider_job_id).toBe(machine?.id);
    expect(await world.whenOver(id)).toMatchObject({ state: 'completed', failure: null });

    const { status, body } = await world.request('POST', `${JOBS}/${id}/download-artifact`);
    const artifact = artifactSchema.parse(body);
    const bytes = Buffer.from(await (await fetch(artifact.download_url)).arrayBuffer());
    expect(status).toBe(200);
    expect(artifact.path).toMatch(new RegExp(`^s3://${world.bucket.bucket}/tuneplane/runs/${id}/`));
    expect([bytes.length, createHash('sha256').update(bytes).digest('hex')]).toEqual([artifact.size_bytes, artifact.hash_sha256]);
    expect(world.machinesOf(id)).toMatchObject([{ terminatedAt: expect.any(Number) }]);
    expect(machine && world.host.startsOf(machine)).toBe(1); // the container never ended by itself

    const run = runSchema.parse((await world.request('GET', `/runs/${id}`)).body);
    const billed = world.fakes[provider].bill().filter(({ id: machineId }) => machineId === machine?.id);
    expect(run.attempts).toMatchObject([{ number: 1, outcome: 'completed', place: expect.stringMatching(/USD an hour$/) }]);
    expect(run.gpu_seconds.spent).toBeGreaterThanOrEqual(run.gpu_seconds.useful);
    // Until the provider's books are whole, the plane counts until it saw the machine gone: some seconds after its charges ended.
    const [charged = Number.NaN, aMinute = Number.NaN] = [billed[0]?.usd, (machine?.usdPerHour ?? Number.NaN) / 60];
    expect(run.cost_usd).toBeGreaterThan(charged - 0.0005);
    expect(run.cost_usd).toBeLessThan(charged + aMinute);
  });

  test('is cancelled with a last checkpoint, and over only when its machine is gone', LONG, async () => {
    const id = await world.submit(provider, { script: { steps: 100_000, stepSeconds: 0.05 } });
    await world.when(id, ({ current_metrics: metrics }) => (metrics?.step ?? 0) > 2);

    const cancelled = await world.request('POST', `${JOBS}/${id}/cancel`);
    const over = await world.whenOver(id);

    expect(cancelled).toMatchObject({ status: 200, body: { state: 'stopped' } });
    expect(over).toMatchObject({ state: 'stopped' });
    expect(world.machinesOf(id)).toMatchObject([{ terminatedAt: expect.any(Number) }]);
    expect(await checkpointsOf(id)).toHaveLength(1);
  });

  test('goes on elsewhere from its last checkpoint when the machine is taken away', LONG, async () => {
    const traceFile = join(world.home, `trace-${provider}`);
    const id = await world.submit(provider, { script: { steps: 300, stepSeconds: 0.05, saveSteps: 20, traceFile } });
    await world.when(id, ({ current_metrics: metrics }) => (metrics?.step ?? 0) > 20);
    await vi.waitUntil(async () => (await checkpointsOf(id)).length > 0, { timeout: 120_000, interval: 200 });
    const [first] = world.machinesOf(id);

    expect(world.fakes[provider].preempt((machine) => machine === first)).toBe(1);
    expect(await world.whenOver(id)).toMatchObject({ state: 'completed' });

    const lines = readFileSync(traceFile, 'utf8').trim().split('\n');
    const steps = (attempt: number) => lines.filter((line) => line.startsWith(`${attempt} `)).map((line) => Number(line.split(' ')[1]));
    const [before, after] = [steps(1), steps(2)];
    expect(after[0]).toBeGreaterThan(20);
    expect(after[0]).toBeLessThanOrEqual((before.at(-1) ?? 0) + 1);
    expect(after.at(-1)).toBe(300);
    expect(world.machinesOf(id)).toHaveLength(2);
    expect(world.fakes[provider].there().filter(({ label }) => label.includes(id.slice(4)))).toEqual([]); // the lost one was removed too
    expect(runSchema.parse((await world.request('GET', `/runs/${id}`)).body).attempts).toMatchObject([
      { number: 1, outcome: 'lost', code: 'interrupted' },
      { number: 2, outcome: 'completed' },
    ]);
  });
});

test('a machine that shows no GPU is left for another one', LONG, async () => {
  const id = await world.submit('vastai', { script: { steps: 3 }, isFirstBlind: true });

  expect(await world.whenOver(id)).toMatchObject({ state: 'completed' });
  expect(world.machinesOf(id)).toHaveLength(2);
  expect(runSchema.parse((await world.request('GET', `/runs/${id}`)).body).attempts).toMatchObject([
    { outcome: 'failed', code: 'machine_unfit' },
    { outcome: 'completed' },
  ]);
});

test('no key and no token stands in any log, event, answer, error or stored object', LONG, async () => {
  const id = await world.submit('runpod', {
    script: { steps: 4, faults: [{ kind: 'say', step: 2, text: 'the token is hf-team-token-canary, is it not' }] },
    body: { secrets: { HF_TOKEN: 'hf-team' } },
  });
  await world.whenOver(id);
  for (const path of ['logs', 'events', 'metrics']) await world.request('GET', `/runs/${id}/${path}`);
  for (const path of ['/providers', '/workers', '/runs', JOBS]) await world.request('GET', path);
  world.fakes.lambda.nextFault = () => 'error-before';
  await vi.waitUntil(() => said.some((line) => line.includes('sweep-failed')), { timeout: 60_000, interval: 200 });

  const tokens = HomeMachineTokens.open(world.plane.environment.home);
  const told = world.host.told();
  const attempts = Object.values(world.fakes)
    .flatMap(({ machines }) => [...machines.values()])
    .map(({ label }) => label.split('-'))
    .map(([, , run, attempt]) => attemptName(`run_${run}`, Number(attempt)));
  const canaries = [
    ...Object.values(world.fakes).map(({ key }) => key),
    ...(await Promise.all(attempts.flatMap((name) => [tokens.issue('bootstrap', name), tokens.issue('session', name)]))),
    ...told.map(({ environment }) => environment['TUNEPLANE_BOOTSTRAP_TOKEN'] ?? ''),
    'hf-team-token-canary',
    'registry-password-canary',
    'pod-key-canary',
    'instance-key-canary',
    'jupyter-canary',
  ];
  expect(canaries.filter((canary) => canary === '')).toEqual([]);
  const places = {
    'the answers of the API': world.replies.join('\n'),
    'what the plane printed': said.join('\n'),
    'the events': readFileSync(join(world.plane.environment.home, 'events.jsonl'), 'utf8'),
    'what the machines printed': told.map(({ output }) => output).join('\n'),
    'the store': await readBucket(),
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, `${place} holds something`).toBeGreaterThan(0);
    for (const canary of canaries) expect(text.includes(canary), `${place} holds '${canary.slice(0, 12)}...'`).toBe(false);
  }
});

/** Names and contents of all that lies there. */
async function readBucket(): Promise<string> {
  const { client, bucket } = world.bucket;
  const texts: string[] = [];
  for (let token: string | undefined; ; ) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
    for (const { Key } of page.Contents ?? []) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      texts.push(`${Key}\n${Buffer.from((await Body?.transformToByteArray()) ?? []).toString('latin1')}`);
    }
    token = page.NextContinuationToken;
    if (token === undefined) return texts.join('\n');
  }
}
