/**
 * Who may ask. One shared token, in `X-TRAINER-TOKEN` or `Authorization: Bearer`, current and previous version accepted; beside it, where
 * the operator says so, tokens of an issuer (OpenID Connect).
 * Compared in constant time: both sides are hashed, so that neither length nor content shows in the time it takes.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { DomainError } from '#domain/errors.ts';

export interface TokenIssuer {
  /** @returns who shows the token; null where it is not the issuer's, for somebody else, or over. @throws DomainError `plane_busy` where the issuer is away */
  subjectOf(token: string): Promise<string | null>;
}

export interface Access {
  /** empty: open to all who reach the server */
  readonly tokens: readonly string[];
  readonly issuer?: TokenIssuer;
  /** origins of browsers' pages that may call the APIs, `https://app.example.com` or `*`; empty: none but our own */
  readonly allowedOrigins: readonly string[];
}

type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** @returns the caller's name, the scope of its Idempotency-Keys. @throws DomainError `unauthorized` */
export type TokenCheck = (headers: RequestHeaders) => string | Promise<string>;

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
    if (matches > 0) return 'token'; // the versions of a rotated token are one caller: a retry across the rotation is still a retry
    if (access.issuer && IS_SIGNED.test(given)) return callerOf(access.issuer, given);
    throw new DomainError('unauthorized', NOT_VALID);
  };
}

const NOT_VALID = 'the token is not valid';
/** Three parts of base64url: only such a token is asked of an issuer. */
const IS_SIGNED = /^[\w-]+\.[\w-]+\.[\w-]+$/;

async function callerOf(issuer: TokenIssuer, token: string): Promise<string> {
  const subject = await issuer.subjectOf(token);
  if (subject === null) throw new DomainError('unauthorized', NOT_VALID);
  return `subject:${subject}`;
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
