/** Values for a trainer's eyes only: AES-256-GCM, a fresh nonce each, bound to the run they are for. What comes out may be stored anywhere. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import * as z from 'zod';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 'v1.';

const valuesSchema = z.record(z.string(), z.string());

/** @param key 32 bytes */
export function sealValues(key: Uint8Array, runId: string, values: Readonly<Record<string, string>>): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(runId));
  const data = Buffer.concat([cipher.update(JSON.stringify(values), 'utf8'), cipher.final()]);
  return FORMAT + Buffer.concat([nonce, cipher.getAuthTag(), data]).toString('base64url');
}

/** @throws Error where they were sealed for another run, with another key, or changed */
export function openValues(key: Uint8Array, runId: string, sealed: string): Record<string, string> {
  if (!sealed.startsWith(FORMAT)) throw new Error(`the sealed values of run ${runId} are of another format`);
  const bytes = Buffer.from(sealed.slice(FORMAT.length), 'base64url');
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(runId))
    .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  return valuesSchema.parse(JSON.parse(text));
}
