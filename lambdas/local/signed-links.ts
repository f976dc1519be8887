/** Links that carry a right: a few words and an HMAC-SHA256 of them. The key stays in the home, so a link outlives a restart. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#ports/workflow.ts';

export const LINK_LIFE_SECONDS = 3_600;

export class SignedLinks {
  readonly #key: Buffer;
  readonly #clock: Clock;

  constructor({ key, clock }: { readonly key: Buffer; readonly clock: Clock }) {
    this.#key = key;
    this.#clock = clock;
  }

  /** @returns the query of a link: what it says, until when, and the signature of that, of `purpose` and of what the path names */
  sign(purpose: string, subject: string, words: Readonly<Record<string, string>>): { query: string; expiresAt: number } {
    const expiresAt = Math.floor(this.#clock.now() / 1_000) + LINK_LIFE_SECONDS;
    const query = new URLSearchParams({ ...words, expires: String(expiresAt) });
    query.set('signature', this.#mac(purpose, subject, query.toString()).toString('base64url'));
    return { query: query.toString(), expiresAt: expiresAt * 1_000 };
  }

  /** @returns why the link is not taken, or null */
  problemOf(purpose: string, subject: string, query: URLSearchParams): string | null {
    const words = new URLSearchParams(query);
    words.delete('signature');
    const given = Buffer.from(query.get('signature') ?? '', 'base64url');
    const expected = this.#mac(purpose, subject, words.toString());
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'the link is not one of this plane';
    return Number(query.get('expires')) * 1_000 <= this.#clock.now() ? 'the link has expired: ask for a new one' : null;
  }

  #mac(purpose: string, subject: string, words: string): Buffer {
    return createHmac('sha256', this.#key).update([purpose, subject, words].join('\n')).digest();
  }
}
