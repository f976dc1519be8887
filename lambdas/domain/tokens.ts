/** Random tokens that stand for a right; only their hash is ever stored. */
import { createHash, randomBytes } from 'node:crypto';

/** 256 bits as 43 characters of base64url. */
export const makeToken = (): string => randomBytes(32).toString('base64url');

/** SHA-256, hexadecimal: enough for tokens of full entropy. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');
