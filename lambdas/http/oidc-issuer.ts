/**
 * Tokens of an OpenID Connect issuer: JWTs that it signed for this plane. Its keys are found by its own document and kept; a token signed
 * with a key that is not known has them asked for again, at most every 30 s, so that a rotation is noticed and a flood of wrong tokens is not
 * passed on. What is checked: signature by a key pair (never a shared secret, never none), issuer, audience, times, a subject.
 * Source: openid.net/specs/openid-connect-discovery-1_0.html (4), RFC 7519 (4.1), RFC 8725.
 */
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import type { TokenIssuer } from './access.ts';

export interface OidcSettings {
  /** as it stands in `iss`, to the letter */
  readonly issuer: string;
  /** of `aud`, one of which must be this */
  readonly audience: string;
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const CLOCK_TOLERANCE_SECONDS = 30;
const ANSWER_MILLIS = 5_000;
const documentSchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url() });

export class OidcIssuer implements TokenIssuer {
  readonly #settings: OidcSettings;
  #keys: JWTVerifyGetKey | null = null;

  constructor(settings: OidcSettings) {
    this.#settings = settings;
  }

  async subjectOf(token: string): Promise<string | null> {
    const { issuer, audience } = this.#settings;
    this.#keys ??= await this.#findKeys();
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return payload.sub ?? null;
    } catch (error) {
      if (isAway(error)) throw this.#busy(error);
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  async #findKeys(): Promise<JWTVerifyGetKey> {
    const { issuer } = this.#settings;
    const document = await this.#discover();
    if (document.issuer !== issuer) throw this.#busy(new Error(`its document is of ${document.issuer}`));
    return createRemoteJWKSet(new URL(document.jwks_uri), { timeoutDuration: ANSWER_MILLIS });
  }

  async #discover(): Promise<z.infer<typeof documentSchema>> {
    const url = `${this.#settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MILLIS), redirect: 'error' });
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      return documentSchema.parse(await answer.json());
    } catch (error) {
      throw this.#busy(error);
    }
  }

  #busy(cause: unknown): DomainError {
    return new DomainError('plane_busy', `the issuer of tokens, ${this.#settings.issuer}, cannot be asked`, {}, { cause });
  }
}

/** Keys that cannot be had say nothing of the token. jose says `JWKSTimeout`, or its bare error for an answer other than 200; fetch a TypeError. */
const isAway = (error: unknown): boolean =>
  error instanceof errors.JWKSTimeout ||
  error instanceof TypeError ||
  (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC');
