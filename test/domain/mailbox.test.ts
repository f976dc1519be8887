import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  isProven,
  type MailboxAnswer,
  type MailboxClaim,
  mailboxAnswerSchema,
  mailboxClaimSchema,
  proofOf,
  sealAnswer,
} from '#domain/mailbox.ts';

const TOKEN = 'tp1.bootstrap.subject.mac';
const ATTEMPT = 'run_01kb8q6m2jf3ztv1n8a5d4c9xe-0001';
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

/** A machine, told a second time so that the plane cannot agree with itself alone. */
function aMachine() {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const claim = { claimId: `claim_${'a'.repeat(32)}`, publicKey: raw.toString('base64'), machine: 'label' };
  const whole: MailboxClaim = { schema: 1, host: 'h', pid: 1, ...claim, proof: proofOf(claim, ATTEMPT, TOKEN).toString('base64') };
  const open = (answer: MailboxAnswer, token = TOKEN, attempt = ATTEMPT): unknown => {
    const ephemeral = Buffer.from(answer.ephemeralKey, 'base64');
    const peer = createPublicKey({ key: Buffer.concat([SPKI, ephemeral]), format: 'der', type: 'spki' });
    const shared = diffieHellman({ privateKey: createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })), publicKey: peer });
    const info = Buffer.concat([Buffer.from('tuneplane mailbox 1'), ephemeral, raw]);
    const key = Buffer.from(hkdfSync('sha256', Buffer.concat([shared, Buffer.from(token)]), '', info, 32));
    const bytes = Buffer.from(answer.sealed, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(answer.nonce, 'base64'))
      .setAAD(Buffer.from(attempt))
      .setAuthTag(bytes.subarray(-16));
    return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString());
  };
  return { claim: whole, open };
}

const seal = (claim: MailboxClaim, content: unknown): MailboxAnswer =>
  sealAnswer(content, { attempt: ATTEMPT, bootstrapToken: TOKEN, claim, issuedAt: 1, expiresAt: 2 });

test('what is sealed for a machine opens with its key, and shows nothing before', () => {
  const { claim, open } = aMachine();

  const answer = seal(claim, { environment: { HF_TOKEN: 'hf_canary' } });

  expect(mailboxAnswerSchema.parse(JSON.parse(JSON.stringify(answer)))).toEqual(answer);
  expect(JSON.stringify(answer)).not.toContain('canary');
  expect(open(answer)).toEqual({ environment: { HF_TOKEN: 'hf_canary' } });
});

test('it opens for no other machine, no other token and no other attempt, and not once a byte was changed', () => {
  const { claim, open } = aMachine();
  const answer = seal(claim, { a: 1 });
  const bytes = Buffer.from(answer.sealed, 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;

  expect(() => aMachine().open(answer)).toThrow();
  expect(() => open(answer, 'another token')).toThrow();
  expect(() => open(answer, TOKEN, `${ATTEMPT}x`)).toThrow();
  expect(() => open({ ...answer, sealed: bytes.toString('base64') })).toThrow();
});

test('the same content is never sealed twice alike', () => {
  const { claim } = aMachine();

  expect(seal(claim, {}).sealed).not.toBe(seal(claim, {}).sealed);
});

test('a claim is proven by the token alone, over all that it says', () => {
  const { claim } = aMachine();

  expect(mailboxClaimSchema.safeParse(claim).success).toBe(true);
  expect(isProven(claim, ATTEMPT, TOKEN)).toBe(true);
  expect(isProven(claim, ATTEMPT, 'another token')).toBe(false);
  expect(isProven(claim, `${ATTEMPT}0`, TOKEN)).toBe(false);
  expect(isProven({ ...claim, publicKey: aMachine().claim.publicKey }, ATTEMPT, TOKEN)).toBe(false);
  expect(isProven({ ...claim, claimId: `claim_${'b'.repeat(32)}` }, ATTEMPT, TOKEN)).toBe(false);
  expect(isProven({ ...claim, machine: null }, ATTEMPT, TOKEN)).toBe(false);
});

test.each(['', 'AAAA', 'not base64 at all'])('a key that is none (%s) is refused', (publicKey) => {
  expect(mailboxClaimSchema.safeParse({ ...aMachine().claim, publicKey }).success).toBe(false);
});
