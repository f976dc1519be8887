/**
 * How a machine claims where it cannot reach the plane: two objects in the store that both reach.
 *
 *   mailbox-claim.json    machine -> plane: put once, by a signed link; who finds it taken leaves. Holds the machine's public key, drawn
 *                         for this one attempt, and a proof that it knows the bootstrap token
 *   mailbox-answer.json   plane -> machine: read by a signed link; put again at half of the credentials' life. Sealed for that machine
 *
 * The seal is X25519 with a fresh key of the plane's, HKDF-SHA-256 over the shared secret and the bootstrap token, AES-256-GCM bound to the
 * attempt (the parts of RFC 9180's PSK mode, by themselves). Whoever reads the machine's environment later has the token and no private
 * key; whoever reads the store has neither.
 */
import {
  createCipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import * as z from 'zod';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const CONTEXT = 'tuneplane mailbox 1';
/** What stands before the 32 bytes of an X25519 public key in its DER form (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

const base64 = (bytes: number) =>
  z.string().refine((text) => Buffer.from(text, 'base64').length === bytes, `must be ${bytes} bytes in base64`);

export const mailboxClaimSchema = z.object({
  schema: z.literal(1),
  claimId: z.string().regex(/^claim_[0-9a-z]{16,64}$/),
  host: z.string().max(255),
  pid: z.int().min(0),
  machine: z.string().max(255).nullable(),
  publicKey: base64(KEY_BYTES),
  proof: base64(KEY_BYTES),
});
export type MailboxClaim = z.infer<typeof mailboxClaimSchema>;

export const mailboxAnswerSchema = z.object({
  schema: z.literal(1),
  claimId: z.string(),
  /** milliseconds since 1970, for the plane itself: when this was written, and when what it holds is over */
  issuedAt: z.number(),
  expiresAt: z.number(),
  ephemeralKey: base64(KEY_BYTES),
  nonce: base64(NONCE_BYTES),
  sealed: z.string(),
});
export type MailboxAnswer = z.infer<typeof mailboxAnswerSchema>;

/** Whether the claim comes from a machine that was told the bootstrap token. Compared in constant time. */
export function isProven(claim: MailboxClaim, attempt: string, bootstrapToken: string): boolean {
  return timingSafeEqual(proofOf(claim, attempt, bootstrapToken), Buffer.from(claim.proof, 'base64'));
}

/** HMAC-SHA-256 under the token over attempt, claim, key and label, a line each. */
export function proofOf(
  { claimId, publicKey, machine }: Pick<MailboxClaim, 'claimId' | 'publicKey' | 'machine'>,
  attempt: string,
  bootstrapToken: string,
): Buffer {
  return createHmac('sha256', bootstrapToken)
    .update([attempt, claimId, publicKey, machine ?? ''].join('\n'))
    .digest();
}

export interface Sealing {
  readonly attempt: string;
  readonly bootstrapToken: string;
  readonly claim: Pick<MailboxClaim, 'claimId' | 'publicKey'>;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** @param content JSON for the machine's eyes only. @throws Error where its key is none */
export function sealAnswer(content: unknown, { attempt, bootstrapToken, claim, issuedAt, expiresAt }: Sealing): MailboxAnswer {
  const own = generateKeyPairSync('x25519');
  const theirs = Buffer.from(claim.publicKey, 'base64');
  const ephemeral = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
  const shared = diffieHellman({
    privateKey: own.privateKey,
    publicKey: createPublicKey({ key: Buffer.concat([SPKI_PREFIX, theirs]), format: 'der', type: 'spki' }),
  });
  const key = Buffer.from(
    hkdfSync(
      'sha256',
      Buffer.concat([shared, Buffer.from(bootstrapToken)]),
      '',
      Buffer.concat([Buffer.from(CONTEXT), ephemeral, theirs]),
      KEY_BYTES,
    ),
  );
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(attempt));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    schema: 1,
    claimId: claim.claimId,
    issuedAt,
    expiresAt,
    ephemeralKey: ephemeral.toString('base64'),
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  };
}
