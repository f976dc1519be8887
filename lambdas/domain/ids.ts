/**
 * Prefixed, time-sortable ids: `run_` + 26 characters of Crockford base32 over a UUIDv7 (the TypeID shape).
 * Sorting ids as text sorts them by creation time to the millisecond; within one process also inside a millisecond.
 * Source: RFC 9562 section 5.7 (UUIDv7, method 1: a counter in rand_a) and the TypeID specification 0.3.
 */
import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const PREFIXES = { run: 'run', config: 'cfg', project: 'proj', checkpoint: 'ckpt', artifact: 'art' } as const;
export type IdKind = keyof typeof PREFIXES;

let lastMillis = 0;
let counter = 0;
const randomness = Buffer.alloc(2_048);
let used = randomness.length;

/** @param nowMillis the clock's time; ids made by one process never go back even where the clock does */
export function makeId(kind: IdKind, nowMillis: number): string {
  if (nowMillis > lastMillis) {
    lastMillis = nowMillis;
    counter = 0;
  } else if (++counter > 0xfff) {
    lastMillis += 1; // more than 4,096 ids in a millisecond: borrow from the next
    counter = 0;
  }
  if (used + 8 > randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(lastMillis, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  randomness.copy(bytes, 8, used, used + 8);
  used += 8;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return `${PREFIXES[kind]}_${encodeBase32(bytes)}`;
}

/** 128 bits as 26 characters: two zero bits, then 5 bits a character. */
function encodeBase32(bytes: Buffer): string {
  let text = '';
  let buffer = 0;
  let bits = 2;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((buffer >>> bits) & 31);
    }
    buffer &= (1 << bits) - 1;
  }
  return text;
}

/** Ids and names that clients choose: one path segment, safe in file names, keys and URLs. */
export const CLIENT_NAME = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** What an id of that kind looks like. @param builtIn a name that stands where an id does: `proj_default` */
export const idPattern = (kind: IdKind, builtIn?: string): RegExp =>
  new RegExp(`^${PREFIXES[kind]}_(?:[0-9a-hjkmnp-tv-z]{26}${builtIn === undefined ? '' : `|${builtIn}`})$`);

/** The least id that could be made at this time: ids of things older sort before it. */
export const idAt = (kind: IdKind, millis: number): string => {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(millis, 0, 6);
  return `${PREFIXES[kind]}_${encodeBase32(bytes)}`;
};
