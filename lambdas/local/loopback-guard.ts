/**
 * A plane without a token is open to everyone who reaches it, and a browser on the same machine reaches it for any page it shows.
 * Two doors are shut: a foreign name that was made to point here (DNS rebinding shows in `Host`), and a foreign page's request
 * (it shows in `Origin`; a POST without a body needs no preflight). Source: RFC 6454 section 7, RFC 9110 section 7.2.
 */
import type { IncomingMessage } from 'node:http';
import type { Access } from '#http/access.ts';
import { isAllowed } from '#http/cors.ts';

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** @param changes whether it can change or tell more than a page may read: a WebSocket is a GET, and no browser guards what it says. @returns why the request is refused, or undefined */
export function refusalOf(request: IncomingMessage, access: Access, changes = !SAFE_METHODS.has(request.method ?? '')): string | undefined {
  if (access.tokens.length > 0) return undefined;
  const { host = '', origin } = request.headers;
  if (!LOOPBACK.test(host))
    return 'without a token this server answers to 127.0.0.1, localhost and [::1] only; set TRAINER_API_TOKEN to use it under another name';
  if (origin === undefined || !changes || origin.replace(/^https?:\/\//i, '') === host || isAllowed(access, origin)) return undefined;
  return "this page's origin may not change anything here; name it in the allowed origins";
}
