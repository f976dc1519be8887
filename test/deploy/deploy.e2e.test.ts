/**
 * The real template, deployed by the real command into an emulator with IAM on, and driven through its front door: two APIs that nobody of
 * ours has written, functions that run with their own roles, jobs that start the real supervisor. One run trains for real; the others have
 * the scripted engine in its place.
 *
 * Not run here: CodeBuild, machines of EC2 and their GPUs, TLS. What the emulator was taught is in test/emulator/patches.py.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { CloudFormationClient, ListStacksCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { toNudge } from '#domain/nudge.ts';
import { attemptName } from '#domain/run-folder.ts';
import { readAnswer } from '../support/command-line.ts';
import { BatchJobs } from './batch-jobs.ts';
import { DeployedPlane, STAGE } from './deployed-plane.ts';
import { eventsOf, runAtEnd, runWhen, type SeenRun, until } from './runs.ts';
import { startInProject, startOnSession, startOrchestrated, startSft, startUnified, storeRows, textOf } from './start-runs.ts';
import { Subscriber } from './subscriber.ts';

const LIMIT_MILLIS = 300_000;
const QUICK = { steps: 20, stepSeconds: 0.02, saveSteps: 5 };
const REAL_STEPS = 60;
const LONG = { steps: 5_000, stepSeconds: 0.02, saveSteps: 25 };

let plane: DeployedPlane;
let jobs: BatchJobs;
let subscriber: Subscriber;
/** The run that trains for real: it takes longest, so it begins first, and the others come and go beside it. */
let real: { readonly id: string; readonly seen: Promise<SeenRun> };

beforeAll(async () => {
  plane = await DeployedPlane.deploy();
  jobs = new BatchJobs(plane);
  subscriber = await Subscriber.subscribe(plane);
  await storeRows(plane);
  real = await startForReal();
  await plane.trainBy(QUICK);
}, LIMIT_MILLIS);

async function startForReal(): Promise<typeof real> {
  await plane.trainBy(null);
  const id = await startSft(plane, { max_steps: REAL_STEPS, batch_size: 4, save_steps: 10 });
  await runWhen(plane, id, ({ progress }) => progress !== null); // its trainer has begun: the next ones may have a script
  const seen = runWhen(plane, id, ({ state, progress }) => state === 'running' && (progress?.step ?? 0) > 0);
  seen.catch(() => {}); // the test that waits for it says so
  return { id, seen };
}

afterAll(() => plane?.close(), LIMIT_MILLIS);

test('the front door leads to every API, asks for a token, and answers what no route takes in our own words', async () => {
  const open = await Promise.all(['/healthz', '/readyz', '/openapi.json'].map((path) => fetch(plane.url + path)));
  const docs = await fetch(`${plane.url}/docs`);
  const refused = await fetch(`${plane.url}/runs`);
  const unknown = await fetch(`${plane.url}/no/such/path`);
  const wrongMethod = await fetch(`${plane.url}/runs`, { method: 'PATCH' });

  expect(open.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(docs.headers.get('content-type')).toMatch(/^text\/html/);
  expect([refused.status, await refused.json()]).toEqual([401, expect.objectContaining({ code: 'unauthorized' })]);
  expect([unknown.status, await unknown.json()]).toEqual([404, expect.objectContaining({ code: 'route_not_found' })]);
  expect([wrongMethod.status, wrongMethod.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
});

test('the dashboard comes out of its bucket, may speak to the plane and the bucket of data, and its files are kept', async () => {
  const page = await fetch(`${plane.url}/`);
  const html = await page.text();
  const [script = ''] = /\/assets\/app-[\w-]+\.js/.exec(html) ?? [];
  const asset = await fetch(plane.url + script);

  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers.get('cache-control')).toBe('no-cache');
  expect(page.headers.get('content-security-policy')).toContain(`connect-src 'self' https://${plane.outputs['BucketName']}.s3.`);
  expect([asset.status, asset.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(asset.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/); // S3's; the function's own has another form
});

test('a run through each of the five APIs is trained, and every one of them reads it', { timeout: LIMIT_MILLIS }, async () => {
  const ids = await Promise.all([startSft, startOnSession, startUnified, startOrchestrated, startInProject].map((start) => start(plane)));

  const ended = await Promise.all(ids.map((id) => runAtEnd(plane, id)));

  expect(ended.map(({ state, failure }) => ({ state, failure }))).toEqual(ids.map(() => ({ state: 'completed', failure: null })));
  for (const id of ids) {
    const views = await Promise.all(
      [`/api/sft/jobs/${id}`, `/jobs/${id}`, `/train/${id}`, `/api/training/jobs/${id}`, `/runs/${id}`].map((path) =>
        plane.request('GET', path),
      ),
    );
    expect(views.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  }
});

test('a job of AWS Batch trains for real: steps are seen while it runs, and what it made is fetched with the hash that was written', {
  timeout: LIMIT_MILLIS,
}, async () => {
  const { id } = real;
  const seen = await real.seen;

  const ended = await runAtEnd(plane, id);
  const { body } = await plane.request('POST', `/api/training/jobs/${id}/download-artifact`);
  const artifact = z.looseObject({ download_url: z.string(), hash_sha256: z.string(), size_bytes: z.int() }).parse(body);
  const bytes = Buffer.from(await (await fetch(artifact.download_url)).arrayBuffer());

  expect(seen.progress?.step).toBeLessThan(REAL_STEPS);
  expect([ended.state, ended.failure]).toEqual(['completed', null]);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact.hash_sha256);
  expect(bytes.length).toBe(artifact.size_bytes);
  const { body: metrics } = await plane.request('GET', `/runs/${id}/metrics`);
  expect(JSON.stringify(metrics)).toContain('loss');
});

test('a cancel saves a final checkpoint, and is over only when the job is gone', { timeout: LIMIT_MILLIS }, async () => {
  await plane.trainBy(LONG);
  const id = await startOrchestrated(plane);
  await runWhen(plane, id, ({ progress }) => (progress?.step ?? 0) > 30);

  const { status } = await plane.request('POST', `/api/training/jobs/${id}/cancel`);
  const ended = await runAtEnd(plane, id);
  await plane.trainBy(QUICK);

  expect([status, ended.state]).toEqual([200, 'stopped']);
  const events = await eventsOf(plane, id);
  const checkpoints = events.filter(({ type }) => type === 'checkpoint-saved');
  expect(checkpoints.at(-1)?.['data']).toMatchObject({ reason: 'final' });
  expect(await jobs.live()).toEqual([]);
});

test('a run whose machine is taken away goes on from its checkpoint in another job', { timeout: LIMIT_MILLIS }, async () => {
  await plane.trainBy({ ...QUICK, steps: 200, saveSteps: 20 });
  const id = await startSft(plane, { max_steps: 200 });
  await runWhen(plane, id, ({ progress }) => (progress?.step ?? 0) > 45);

  await jobs.endHost(id);
  const ended = await runAtEnd(plane, id);
  await plane.trainBy(QUICK);

  expect(ended.state).toBe('completed');
  expect(ended.progress).toMatchObject({ attempt: 2, step: 200 });
  const messages = (await eventsOf(plane, id)).map(({ message }) => message);
  expect(messages).toContainEqual(expect.stringMatching(/attempt 2 goes on from step-0000\d+/));
  expect(await jobs.live()).toEqual([]);
});

test('who follows a run by WebSocket is greeted, hears of every change once and in order, and is refused without a ticket', {
  timeout: LIMIT_MILLIS,
}, async () => {
  await plane.trainBy({ ...QUICK, steps: 60, stepSeconds: 0.05 });
  const id = await startSft(plane, { max_steps: 60 });
  const ticket = textOf(await plane.request('POST', '/ws/tickets', { job_id: id }), 'ticket');
  const path = `${plane.url.replace('http', 'ws')}/ws/training/jobs/${id}`;

  const socket = new WebSocket(`${path}?ticket=${ticket}`);
  const messages: { type: string; seq: number; data: { state?: string } }[] = [];
  socket.on('message', (text) => messages.push(JSON.parse(String(text))));
  await once(socket, 'open');
  await until('the end by WebSocket', async () => messages.some(({ type, data }) => type === 'status' && data.state === 'completed'));
  socket.close();
  const refused = new WebSocket(path);
  const [error] = await once(refused, 'error');
  await plane.trainBy(QUICK);

  const sequences = messages.filter(({ type }) => type !== 'metrics').map(({ seq }) => seq);
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  expect(messages.some(({ type }) => type === 'metrics')).toBe(true);
  expect(String(error)).toMatch(/40[13]/);
});

test('every event of a run reaches a rule on the bus, in the order of its sequence', { timeout: LIMIT_MILLIS }, async () => {
  const id = await startSft(plane);
  await runAtEnd(plane, id);

  const received = await until('the last event by the bus', async () => {
    const events = await subscriber.eventsOf(id);
    return events.some(({ 'detail-type': type }) => type === 'Training Run Finished') ? events : null;
  });

  const states = received.filter(({ 'detail-type': type }) => type === 'Training Run State Change').map(({ detail }) => detail);
  const inOrder = states.toSorted((a, b) => a.metadata.sequence - b.metadata.sequence);
  expect(inOrder.map(({ data }) => data['state'])).toEqual(['created', 'queued', 'initializing', 'running', 'completed']);
});

test('a machine may read and write its own attempt, and nothing of its neighbour', { timeout: LIMIT_MILLIS }, async () => {
  const neighbour = await startSft(plane);
  await runAtEnd(plane, neighbour);
  // The machine is played here: its job waits for one, and this claims the attempt with what the job was told.
  await jobs.hold('CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY');
  const own = await startSft(plane);
  await until('the job', async () => (await jobs.of(own)).length > 0);

  const { storage } = await jobs.claim(own);
  const client = new S3Client({
    ...plane.clientOptions,
    forcePathStyle: true,
    credentials: { accessKeyId: storage.access_key_id, secretAccessKey: storage.secret_access_key, sessionToken: storage.session_token },
  });
  const place = (id: string, name: string) => ({
    Bucket: plane.outputs['BucketName'],
    Key: `runs/${id}/framework=hf/attempts/${attemptName(id, 1)}/${name}`,
  });

  await client.send(new PutObjectCommand({ ...place(own, 'progress.json'), Body: '{}' }));
  await client.send(new GetObjectCommand(place(own, 'spec.json')));
  for (const forbidden of [
    new GetObjectCommand(place(neighbour, 'spec.json')),
    new PutObjectCommand({ ...place(neighbour, 'control.json'), Body: '{}' }),
    new ListObjectsV2Command({ Bucket: plane.outputs['BucketName'], Prefix: `runs/${neighbour}/` }),
  ]) {
    await expect(client.send(forbidden as GetObjectCommand)).rejects.toMatchObject({ name: 'AccessDenied' });
  }
  await plane.request('POST', `/runs/${own}/stop`);
  await jobs.hold(null);
  await until('no live job', async () => (await jobs.live()).length === 0);
});

test('a second deployment changes nothing, and says so; asked by the command line, whose answer is its own', {
  timeout: LIMIT_MILLIS,
}, async () => {
  const { stdout, stderr } = await plane.tuneplane('deploy', STAGE, '--plan', '--json');

  expect(stderr).toContain('nothing changes');
  expect(readAnswer('deploy', stdout)).toEqual({ stage: STAGE, deployed: false });
});

test('a nudge that ended as a dead letter is brought back, and works', { timeout: LIMIT_MILLIS }, async () => {
  const client = new SQSClient(plane.clientOptions);
  const id = await startSft(plane);
  await runAtEnd(plane, id);
  await client.send(new SendMessageCommand({ QueueUrl: plane.outputs['NudgeDeadLetters'], MessageBody: toNudge(id) }));
  const before = await plane.command('doctor', STAGE).catch(({ stdout }: { stdout: string }) => stdout);

  const said = await plane.command('redrive', STAGE);
  const after = await plane.command('doctor', STAGE).catch(({ stdout }: { stdout: string }) => stdout);

  expect(before).toContain('1 dead letters of nudges');
  expect(said).toMatch(/nudges\s+1 brought back/);
  expect(after).toContain('no dead letters');
});

test('a new token is taken beside the one before, which goes with the next', { timeout: LIMIT_MILLIS }, async () => {
  const secrets = new SecretsManagerClient(plane.clientOptions);
  const read = async () => (await secrets.send(new GetSecretValueCommand({ SecretId: plane.outputs['TokenSecret'] }))).SecretString;

  await plane.command('rotate-token', STAGE);

  const { SecretString: previous } = await secrets.send(
    new GetSecretValueCommand({ SecretId: plane.outputs['TokenSecret'], VersionStage: 'AWSPREVIOUS' }),
  );
  expect(await read()).toMatch(/^[\w-]{43}$/);
  expect(previous).toBe(plane.token);
});

test('a stage that is removed with its data leaves nothing behind', { timeout: LIMIT_MILLIS }, async () => {
  await plane.command('destroy', STAGE, '--yes', '--with-data');

  const { StackSummaries = [] } = await new CloudFormationClient(plane.clientOptions).send(new ListStacksCommand({}));
  const left = StackSummaries.filter(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE').map(({ StackName }) => StackName);
  const { Buckets = [] } = await new S3Client({ ...plane.clientOptions, forcePathStyle: true }).send(new ListBucketsCommand({}));
  const { TableNames = [] } = await new DynamoDBClient(plane.clientOptions).send(new ListTablesCommand({}));
  expect(left).toEqual(['CDKToolkit']);
  expect(Buckets.filter(({ Name }) => Name?.startsWith('tuneplane'))).toEqual([]);
  expect(TableNames).toEqual([]);
});
