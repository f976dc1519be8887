/** The plane's side of the mailbox: what a machine finds there that cannot reach the plane. */

import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { mailboxAnswerSchema, proofOf } from '#domain/mailbox.ts';
import { attemptName, runFolderKeys } from '#domain/run-folder.ts';
import type { SignedObjects } from '#ports/artifacts.ts';
import type { Rental } from '#ports/rental.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const GRANT = { accessKeyId: 'A', secretAccessKey: 'secret-canary', sessionToken: 't', region: 'r', endpoint: null };

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
  plane.compute.heartbeat = 'reports';
  Object.assign(plane.compute, {
    rental: { bill: async () => ({ machines: 1, seconds: 0, gpuSeconds: 0, usd: 0, isFinal: false }) } satisfies Partial<Rental>,
  });
  const mailboxes: SignedObjects = {
    putOnce: async (key) => ({ url: `https://store/${key}?put`, headers: { 'if-none-match': '*' } }),
    get: async (key) => ({ url: `https://store/${key}?get-${plane.now}`, headers: {} }),
  };
  Object.assign(plane.ports, { mailboxes, settings: { ...plane.ports.settings, publicUrl: null } });
  plane.grant = { ...GRANT, expiresAt: new Date(plane.now + 3_600_000).toISOString() };
});

async function aLaunchedRun() {
  const id = await plane.create({ env: { HF_TOKEN: 'hf_canary' } });
  await plane.settle(id);
  const told = (await plane.compute.launches[0]?.invite()) ?? {};
  const keyOf = (key: (runId: string, attempt: number) => string): string => `runs/${id}/framework=hf/${key(id, 1)}`;
  return { id, told, claimKey: keyOf(runFolderKeys.mailboxClaim), answerKey: keyOf(runFolderKeys.mailboxAnswer) };
}

function aClaim(id: string, token: string, letter = 'a') {
  const publicKey = generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  const claim = { claimId: `claim_${letter.repeat(32)}`, publicKey, machine: 'label' };
  return JSON.stringify({ schema: 1, host: 'h', pid: 1, ...claim, proof: proofOf(claim, attemptName(id, 1), token).toString('base64') });
}

const answerAt = async (key: string) => {
  const text = await plane.artifacts.get(key);
  return text === null ? null : mailboxAnswerSchema.parse(JSON.parse(text));
};

test('a machine without a way to the plane is told two links and the token', async () => {
  const { id, told } = await aLaunchedRun();

  expect(told).not.toHaveProperty('TUNEPLANE_CLAIM_URL');
  expect(JSON.parse(told['TUNEPLANE_MAILBOX'] ?? '')).toMatchObject({
    claim: { url: expect.stringMatching(`attempts/${id}-0001/mailbox-claim.json`), headers: { 'if-none-match': '*' } },
    answer: { url: expect.stringMatching(`attempts/${id}-0001/mailbox-answer.json`) },
  });
});

test('its claim is answered at the next look, sealed, and the attempt is its own', async () => {
  const { id, told, claimKey, answerKey } = await aLaunchedRun();
  await plane.artifacts.put(claimKey, aClaim(id, told['TUNEPLANE_BOOTSTRAP_TOKEN'] ?? ''));

  await plane.settle(id);

  expect(await answerAt(answerKey)).toMatchObject({ claimId: `claim_${'a'.repeat(32)}` });
  expect(await plane.run(id)).toMatchObject({ attempt: { claimId: `claim_${'a'.repeat(32)}` } });
  expect([...plane.artifacts.files.values()].join()).not.toMatch(/hf_canary|secret-canary/);
});

test('a claim without proof is nobody’s', async () => {
  const { id, claimKey, answerKey } = await aLaunchedRun();
  await plane.artifacts.put(claimKey, aClaim(id, 'another token'));

  await plane.settle(id);

  expect(await answerAt(answerKey)).toBeNull();
  expect(await plane.run(id)).toMatchObject({ attempt: { claimId: null } });
});

test('what is not a claim is as if it were not there', async () => {
  const { id, claimKey, answerKey } = await aLaunchedRun();
  for (const text of ['', '{', '[]', '{"schema":2}']) {
    await plane.artifacts.put(claimKey, text);
    await plane.settle(id);
  }

  expect(await answerAt(answerKey)).toBeNull();
});

test('credentials are sealed anew once half of their life is over, and not before', async () => {
  const { id, told, claimKey, answerKey } = await aLaunchedRun();
  await plane.artifacts.put(claimKey, aClaim(id, told['TUNEPLANE_BOOTSTRAP_TOKEN'] ?? ''));
  await plane.settle(id);
  const first = await answerAt(answerKey);

  plane.now += 29 * 60_000;
  await plane.settle(id);
  const before = await answerAt(answerKey);
  plane.now += 2 * 60_000;
  plane.grant = { ...GRANT, expiresAt: new Date(plane.now + 3_600_000).toISOString() };
  await plane.settle(id);
  const after = await answerAt(answerKey);

  expect(before).toEqual(first);
  expect(after?.expiresAt).toBe(plane.now + 3_600_000);
  expect(after?.sealed).not.toBe(first?.sealed);
});

test('a run that trains here has no mailbox', async () => {
  Object.assign(plane.compute, { rental: undefined });
  const { id, told, claimKey, answerKey } = await aLaunchedRun();
  await plane.artifacts.put(claimKey, aClaim(id, told['TUNEPLANE_BOOTSTRAP_TOKEN'] ?? ''));

  await plane.settle(id);

  expect(await answerAt(answerKey)).toBeNull();
});
