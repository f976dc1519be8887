/** Cross-origin calls from browsers. Off until the operator names the origins; the same in both homes, so API Gateway's own CORS stays off. */
import type { Access } from './access.ts';
import type { Headers } from './route.ts';

const EXPOSED = 'x-request-id, link, retry-after, location, idempotency-replayed, x-should-retry';
const ALLOWED = 'content-type, authorization, x-trainer-token, idempotency-key';
/** 10 minutes: a change of the setting reaches browsers within a coffee. */
const PREFLIGHT_SECONDS = '600';

/** @returns headers to add to an answer; none where the origin is not allowed or nobody asked */
export function corsHeaders(access: Access, origin: string | undefined): Headers | undefined {
  if (access.allowedOrigins.length === 0) return undefined;
  if (origin === undefined || !isAllowed(access, origin)) return { vary: 'origin' };
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED, vary: 'origin' };
}

/** @param methods what the path answers, `GET, HEAD, POST` */
export function preflightHeaders(access: Access, origin: string | undefined, methods: string): Headers | undefined {
  const allowed = corsHeaders(access, origin);
  if (!allowed?.['access-control-allow-origin']) return allowed;
  return {
    ...allowed,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': ALLOWED,
    'access-control-max-age': PREFLIGHT_SECONDS,
  };
}

export const isAllowed = (access: Access, origin: string): boolean =>
  access.allowedOrigins.includes(origin) || access.allowedOrigins.includes('*');
