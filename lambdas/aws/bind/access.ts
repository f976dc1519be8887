/** Who may ask, as it is now: tokens are read again every five minutes, so that a rotation needs no new deployment. */
import type { Access, TokenIssuer } from '#http/access.ts';
import type { ReadEnvironment } from '../environment.ts';
import type { KeySecrets } from '../key-secrets.ts';
import { lazyPort } from '../lazy-port.ts';

type Callers = Pick<
  ReadEnvironment<'api'>,
  'TUNEPLANE_TOKEN_SECRET_ARN' | 'TUNEPLANE_ALLOWED_ORIGINS' | 'TUNEPLANE_OIDC_ISSUER' | 'TUNEPLANE_OIDC_AUDIENCE'
>;

export function openAccess(environment: Callers): () => Promise<Access> {
  const { TUNEPLANE_TOKEN_SECRET_ARN, TUNEPLANE_ALLOWED_ORIGINS } = environment;
  const issuer = openIssuer(environment);
  const secrets = lazyPort<KeySecrets>(async () => (await import('../open/key-secrets.ts')).openKeySecrets());
  return async () => {
    const tokens = await secrets.tokens(TUNEPLANE_TOKEN_SECRET_ARN);
    // Without a token the chain would let everybody in: on AWS nothing is ever open by default.
    if (tokens.length === 0) throw new Error('the secret of tokens holds none: this plane answers nobody');
    return { tokens, allowedOrigins: TUNEPLANE_ALLOWED_ORIGINS, ...(issuer && { issuer }) };
  };
}

/** Loaded when the first of its tokens is shown, and kept: its keys are asked for once. */
function openIssuer({ TUNEPLANE_OIDC_ISSUER: issuer, TUNEPLANE_OIDC_AUDIENCE: audience }: Callers): TokenIssuer | null {
  if (issuer === '') return null;
  return lazyPort<TokenIssuer>(async () => {
    const { OidcIssuer } = await import('#http/oidc-issuer.ts');
    return new OidcIssuer({ issuer, audience });
  });
}
