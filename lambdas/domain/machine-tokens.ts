/**
 * Tokens of machines beyond the plane's own process: an HMAC of kind and subject under a key of the plane's. Nothing is stored, so a
 * token of a million machines costs nothing, and the same subject always has the same token. What a token opens is decided by the
 * record: a bootstrap token is used up by the one claim that wins, a session token is good while its attempt is open.
 *
 *   tp1.<kind>.<subject, base64url>.<HMAC-SHA-256 over kind NUL subject, base64url>
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** `bootstrap`: may claim one attempt. `session`: has claimed it. `worker`: a machine that pulls runs. */
export const MACHINE_TOKEN_KINDS = ['bootstrap', 'session', 'worker'] as const;
export type MachineTokenKind = (typeof MACHINE_TOKEN_KINDS)[number];

const FORMAT = 'tp1';

/** @param key at least 32 random bytes */
export function issueMachineToken(key: Uint8Array, kind: MachineTokenKind, subject: string): string {
  return [FORMAT, kind, Buffer.from(subject).toString('base64url'), macOf(key, kind, subject).toString('base64url')].join('.');
}

/** @returns the subject of a token that was made with this key and is of this kind; else null. Takes the same time for every wrong MAC. */
export function readMachineToken(key: Uint8Array, kind: MachineTokenKind, token: string): string | null {
  const [format, givenKind, encoded, mac, ...rest] = token.split('.');
  if (format !== FORMAT || givenKind !== kind || encoded === undefined || mac === undefined || rest.length > 0) return null;
  const subject = Buffer.from(encoded, 'base64url').toString('utf8');
  const expected = macOf(key, kind, subject);
  const given = Buffer.from(mac, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected) ? subject : null;
}

/** Eight characters that tell the machines of this plane from those of another one in the same account of a provider. */
export const planeIdOf = (key: Uint8Array): string => createHmac('sha256', key).update('plane').digest('hex').slice(0, 8);

const macOf = (key: Uint8Array, kind: MachineTokenKind, subject: string): Buffer =>
  createHmac('sha256', key).update(`${kind}\0${subject}`).digest();
