import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { KeySecrets } from '#aws/key-secrets.ts';
import { SealedSecrets } from '#aws/sealed-secrets.ts';
import { clientOptions, uniqueName } from '../support/aws-clients.ts';
import { countCalls, recordCalls } from '../support/call-counter.ts';
import { HandClock } from '../support/hand-clock.ts';

async function openSecrets(value = 'a'.repeat(64)) {
  const client = new SecretsManagerClient(clientOptions());
  const clock = new HandClock();
  const create = async (SecretString: string): Promise<string> => {
    const { ARN } = await client.send(new CreateSecretCommand({ Name: uniqueName('secret'), SecretString }));
    return ARN ?? '';
  };
  return { client, clock, arn: await create(value), create, secrets: new KeySecrets({ client, clock }) };
}

test('accepts the current token, and for a while the one before it', async () => {
  const { client, clock, secrets, arn } = await openSecrets('first');

  expect(await secrets.tokens(arn)).toEqual(['first']);
  await client.send(new PutSecretValueCommand({ SecretId: arn, SecretString: 'second' }));
  expect(await secrets.tokens(arn)).toEqual(['first']);
  clock.advance(5 * 60_000 + 1);

  expect(await secrets.tokens(arn)).toEqual(['second', 'first']);
});

test('reads a secret once in five minutes, however many ask', async () => {
  const { client, secrets, arn } = await openSecrets();
  const calls = recordCalls(client);

  await Promise.all([secrets.value(arn), secrets.key(arn, 'a'), secrets.key(arn, 'b')]);
  await secrets.value(arn);

  expect(countCalls(calls)).toEqual({ GetSecretValue: 1 });
});

test('a secret that is not there is asked for again', async () => {
  const { client, secrets } = await openSecrets();
  const name = uniqueName('late');
  await expect(secrets.value(name)).rejects.toThrow();

  await client.send(new CreateSecretCommand({ Name: name, SecretString: 'now' }));

  expect(await secrets.value(name)).toBe('now');
});

test('each purpose has a key of its own, the same each time', async () => {
  const { secrets, arn } = await openSecrets();

  const [a, again, b] = [await secrets.key(arn, 'a'), await secrets.key(arn, 'a'), await secrets.key(arn, 'b')];

  expect(a).toEqual(again);
  expect(a).not.toEqual(b);
  expect(a).toHaveLength(32);
});

test('seals the variables of a run, and opens them for that run alone', async () => {
  const { secrets, arn } = await openSecrets();
  const sealing = new SealedSecrets({ secrets, keySecretArn: arn, named: {} });

  const sealed = await sealing.seal('run_a', { WANDB_API_KEY: 'very secret' });

  expect(sealed).not.toContain('secret');
  expect(await sealing.open('run_a', sealed)).toEqual({ WANDB_API_KEY: 'very secret' });
  await expect(sealing.open('run_b', sealed)).rejects.toThrow();
});

test("reads the operator's secrets by the names that runs may use", async () => {
  const { secrets, arn, create } = await openSecrets();
  const sealing = new SealedSecrets({ secrets, keySecretArn: arn, named: { 'hf-team': await create('hf_value') } });

  expect(await sealing.read('hf-team')).toBe('hf_value');
  await expect(sealing.read('other')).rejects.toThrow("there is no secret 'other' here");
});
