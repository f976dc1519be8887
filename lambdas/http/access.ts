/**
 * Who may ask. One shared token, in `X-TRAINER-TOKEN` or `Authorization: Bearer`, current and previous version accepted.
 * Compared in constant time: both sides are hashed, so that neither length nor content shows in the time it takes.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { DomainError } from '#domain/errors.ts';

export interface Access {
  /** empty: open to all who reach the server */
  readonly tokens: readonly string[];
  /** origins of browsers' pages that may call the APIs, `https://app.example.com` or `*`; empty: none but our own */
  readonly allowedOrigins: readonly string[];
}

type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** @returns the caller's name, the scope of its Idempotency-Keys. @throws DomainError `unauthorized` */
export type TokenCheck = (headers: RequestHeaders) => string;

const OPEN: TokenCheck = () => 'anyone';

export function createTokenCheck(access: Access): TokenCheck {
  if (access.tokens.length === 0) return OPEN;
  const accepted = access.tokens.map(digest);
  return (headers) => {
    const given = headers['x-trainer-token'] ?? findBearerToken(headers.authorization);
    if (given === undefined) throw new DomainError('unauthorized', 'a token is required, as X-TRAINER-TOKEN or Authorization: Bearer');
    const actual = digest(given);
    let matches = 0;
    for (const expected of accepted) matches += timingSafeEqual(actual, expected) ? 1 : 0; // all of them, always
    if (matches === 0) throw new DomainError('unauthorized', 'the token is not valid');
    return 'token'; // the versions of a rotated token are one caller: a retry across the rotation is still a retry
  };
}

const digest = (token: string): Buffer => hash('sha256', token, 'buffer');

/** The token of a machine, for routes that check it themselves. @throws DomainError `unauthorized` where there is none */
export function bearerToken(headers: RequestHeaders): string {
  const token = findBearerToken(headers.authorization);
  if (token === undefined) throw new DomainError('unauthorized', "the machine's token is required, as Authorization: Bearer");
  return token;
}

function findBearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^bearer +(\S.*)$/i.exec(authorization)?.[1]?.trim();
}
