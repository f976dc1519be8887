/** JSON in one attribute: as text while it is small, so that a person can read the table; compressed where it is large. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type * as z from 'zod';
import { DomainError } from '#domain/errors.ts';

const PLAIN_BYTES = 32_768;
/** Of the 409,600 bytes of an item; the rest is for keys and the progress. */
const MAX_BYTES = 380_000;

export type PackedJson = string | Uint8Array;

/** @throws DomainError `payload_too_large` where it does not fit even so */
export function packJson(value: unknown, what: string): PackedJson {
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) <= PLAIN_BYTES) return text;
  const packed = gzipSync(text);
  if (packed.length <= MAX_BYTES) return packed;
  throw new DomainError('payload_too_large', `${what} is too large to be stored: ${packed.length} bytes compressed, at most ${MAX_BYTES}`);
}

/** @throws Error naming what is stored otherwise than it was written */
export function unpackJson<Value>(schema: z.ZodType<Value>, packed: unknown, what: string): Value {
  const text = typeof packed === 'string' ? packed : packed instanceof Uint8Array ? gunzipSync(packed).toString('utf8') : '';
  const parsed = schema.safeParse(JSON.parse(text || 'null'));
  if (!parsed.success) throw new Error(`${what} is not stored as it was written: ${parsed.error.message}`);
  return parsed.data;
}
