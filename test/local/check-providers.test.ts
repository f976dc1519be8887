/** What `doctor` says of rented machines: keys, the settings that they need beside them, and the store. */
import { afterEach, expect, test } from 'vitest';
import { checkProviders } from '#local/check-providers.ts';
import { readEnvironment } from '#local/environment.ts';
import { FakeLambda } from '../fake-providers/fake-lambda.ts';
import type { FakeProvider } from '../fake-providers/fake-provider.ts';
import { FakeRunPod } from '../fake-providers/fake-runpod.ts';
import { FakeVastAi } from '../fake-providers/fake-vastai.ts';
import { type ProviderServer, serveProvider } from '../fake-providers/provider-server.ts';

const IMAGE = `ghcr.io/acme/trainer@sha256:${'a'.repeat(64)}`;
const STORE = {
  TUNEPLANE_ARTIFACTS: 's3://bucket/runs',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret-canary',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
};

const open: ProviderServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const noHost = { start: () => {}, stop: () => {}, logOf: () => [] };
async function serve(fake: FakeProvider): Promise<string> {
  const server = await serveProvider(fake);
  open.push(server);
  return server.url;
}
const check = (variables: Readonly<Record<string, string>>) => checkProviders(readEnvironment(variables, '/').renting);

test('where nobody wants to rent there is nothing to say', async () => {
  expect(await check({})).toEqual([]);
});

test('a key alone is not enough, and what is missing is named', async () => {
  expect(await check({ RUNPOD_API_KEY: 'key' })).toEqual([
    {
      name: 'runpod',
      isWell: false,
      finding: 'it has a key, and cannot be used yet',
      remedy: expect.stringMatching(/^set TUNEPLANE_TRAINER_IMAGE .*, TUNEPLANE_ARTIFACTS/),
    },
  ]);
});

test('each key is tried at its provider, and one that is not accepted is told without its value', async () => {
  const options = { now: Date.now, host: noHost };
  const fakes = { runpod: new FakeRunPod(options), lambda: new FakeLambda(options), vastai: new FakeVastAi(options) };
  const [runpod, lambda, vastai] = [await serve(fakes.runpod), await serve(fakes.lambda), await serve(fakes.vastai)];

  const findings = await check({
    ...STORE,
    TUNEPLANE_TRAINER_IMAGE: IMAGE,
    RUNPOD_API_KEY: fakes.runpod.key,
    RUNPOD_API_URL: runpod,
    LAMBDA_API_KEY: 'wrong-canary',
    LAMBDA_API_URL: `${lambda}/api/v1`,
    VASTAI_API_KEY: fakes.vastai.key,
    VASTAI_API_URL: vastai,
  });

  expect(findings).toMatchObject([
    { name: 'runpod', isWell: true, finding: 'the key is good; 0 pods in the account', remedy: null },
    {
      name: 'lambda',
      isWell: false,
      finding: expect.stringMatching(/^the API key of Lambda Cloud \(LAMBDA_API_KEY\) is not accepted/),
      remedy: 'correct the key, or unset it',
    },
    { name: 'vastai', isWell: true },
    { name: 'store', isWell: false, finding: expect.stringMatching(/^s3:\/\/bucket\/runs\/doctor\/probe\.json cannot be written/) },
  ]);
  expect(JSON.stringify(findings)).not.toMatch(/canary/);
});
