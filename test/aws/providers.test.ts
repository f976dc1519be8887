/** Where runs of the AWS home train beside AWS Batch: what is rented with keys from Secrets Manager, and machines that ask. */
import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEnvironment } from '#aws/environment.ts';
import { KeySecrets } from '#aws/key-secrets.ts';
import { openProviders, RENTAL_REMEDIES, rentedBy } from '#aws/providers.ts';
import { rentalSettingsSchema } from '#aws/rental-settings.ts';
import { listProviders } from '#operations/list-machines.ts';
import { lookForWork } from '#operations/look-for-work.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { type ProviderServer, serveProvider } from '../fake-providers/provider-server.ts';
import { clientOptions, uniqueName } from '../support/aws-clients.ts';
import { awsEnvironment } from '../support/aws-environment.ts';
import { HandClock } from '../support/hand-clock.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { openTable } from '../support/table-world.ts';

const IMAGE = `ghcr.io/acme/trainer@sha256:${'a'.repeat(64)}`;
const FIVE_MINUTES_MILLIS = 300_001;
const secretsManager = new SecretsManagerClient(clientOptions());

let runpod: FakeRunPod;
let server: ProviderServer;

beforeAll(async () => {
  runpod = new FakeRunPod({ now: Date.now, host: { start: () => {}, stop: () => {}, logOf: () => [] } as never });
  server = await serveProvider(runpod);
});
afterAll(async () => {
  await server.close();
});

async function openWorld(key: string) {
  const { ARN = '' } = await secretsManager.send(new CreateSecretCommand({ Name: uniqueName('key'), SecretString: key }));
  const { documents } = await openTable();
  const clock = new HandClock();
  const rentals = rentalSettingsSchema.parse({ keys: { runpod: ARN }, image: IMAGE, addresses: { runpod: server.url } });
  const computes = openProviders({
    openBatch: async () => Promise.reject(new Error('nobody asks AWS Batch')),
    rentals,
    secrets: new KeySecrets({ client: secretsManager, clock }),
    documents,
    clock,
    machineTokens: { planeId: 'plane-01' },
  });
  return {
    computes,
    clock,
    rentals,
    rotate: (SecretString: string) => secretsManager.send(new PutSecretValueCommand({ SecretId: ARN, SecretString })),
  };
}

test('a key is read where the stage says that it lies, and the new one once it was rotated', async () => {
  const { computes, clock, rotate } = await openWorld('the key of last year');
  const { rental } = computes.of('runpod');

  await expect(rental?.owned()).rejects.toThrow(/not accepted/);
  await rotate(`${runpod.key}\n`);
  await expect(rental?.owned()).rejects.toThrow(/not accepted/);
  clock.advance(FIVE_MINUTES_MILLIS);

  expect(await rental?.owned()).toEqual([]);
  expect(rental?.provider).toBe('runpod');
});

test('what a rented machine will ask for is known without a call, and of AWS Batch nothing is', async () => {
  const { computes } = await openWorld('any');
  const plane = new MemoryPlane();
  const run = await plane.run(await plane.create());

  expect(
    computes
      .of('runpod')
      .plan?.(run)
      .map(({ name }) => name),
  ).toEqual(['gpu_memory', 'disk', 'store_egress']);
  expect([computes.of('aws-batch').plan, computes.of('aws-batch').rental, computes.of('aws-batch').pool]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(computes.all().map(({ heartbeat }) => heartbeat)).toEqual(['reports', 'answers', 'reports']);
});

test("a machine of one's own is told by the table what waits for it", async () => {
  const { computes } = await openWorld('any');
  const plane = new MemoryPlane();
  const ports = { ...plane.ports, compute: computes, settings: { ...plane.ports.settings, provider: 'local' } };
  const report = { instance: 'f'.repeat(32), host: 'box', slots: 1, gpus: [], memoryGb: 16, engines: ['hf'], bases: [] };
  const look = async () =>
    lookForWork(ports, 'box', await ports.machineTokens.issue('worker', 'box'), {
      ...report,
      sharesFolders: false,
      isLeaving: false,
      holding: [],
    } as never);
  expect(await look()).toMatchObject({ start: [], end: [], waitSeconds: 10, mark: null });
  const run = await plane.run(await plane.create());
  const tag = `${run.id}-0001`;

  expect(await computes.of('local').reserve(tag, run)).toEqual({ kind: 'reserved' });
  await computes.of('local').launch({ tag } as never);

  expect(await look()).toMatchObject({ start: [{ attempt: tag, runId: run.id, gpus: [] }] });
});

test('a stage that rents nothing says what each provider needs, and one that does names it', () => {
  const settingsOf = (rentals: string) => {
    const { TUNEPLANE_RENTALS } = readEnvironment('work', awsEnvironment({ TUNEPLANE_RENTALS: rentals }));
    return { provider: 'aws-batch', providers: ['aws-batch', 'local', ...rentedBy(TUNEPLANE_RENTALS)], providerRemedies: RENTAL_REMEDIES };
  };
  const configured = (rentals: string) =>
    listProviders({ settings: settingsOf(rentals) } as never).flatMap(({ name, isConfigured, remedy }) =>
      isConfigured ? [name] : remedy?.includes('Secrets Manager') ? [] : [`${name}?`],
    );

  expect(configured('')).toEqual(['local', 'aws-batch']);
  expect(configured(JSON.stringify({ keys: { vastai: 'arn:aws:x' }, image: IMAGE }))).toEqual(['local', 'aws-batch', 'vastai']);
});

test.each([
  ['an image without a digest', { keys: {}, image: 'ghcr.io/acme/trainer:latest' }],
  ['a provider that is none', { keys: { azure: 'arn:aws:x' }, image: IMAGE }],
  ['a key in place of its secret', { keys: { runpod: 'rpa_12345' }, image: IMAGE }],
])('%s is refused when a function starts', (_, rentals) => {
  expect(() => readEnvironment('work', awsEnvironment({ TUNEPLANE_RENTALS: JSON.stringify(rentals) }))).toThrow(/TUNEPLANE_RENTALS/);
});
