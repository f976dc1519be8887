/** From an event's body to parsed JSON, or to the one sentence that says why not. Nothing here trusts the sender. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { DomainError, type Problem } from '#domain/errors.ts';
import { showValue } from './schema-words.ts';

export type ParsedBody = { readonly body: unknown; readonly bodyProblem?: Problem };

const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)$/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)/i;

/** Deeper than any request of ours; recursive code after us may then trust its stack. */
const MAX_DEPTH = 64;

/** Escapes that stand for a NUL or for half a character. Neither survives UTF-8, file names or a database. */
const SUSPECT_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/** The body's bytes as they came, for the size limit and the Idempotency-Key. @throws DomainError `payload_too_large` */
export function readBody(event: APIGatewayProxyEventV2, maxBytes: number, whenTooLarge?: string): string | Buffer {
  const { body = '', isBase64Encoded } = event;
  const content = isBase64Encoded ? Buffer.from(body, 'base64') : body;
  // A character is one to three bytes in UTF-8, so most bodies need no counting.
  const bytes = typeof content !== 'string' || content.length * 3 <= maxBytes ? content.length : Buffer.byteLength(content);
  if (bytes > maxBytes)
    throw new DomainError(
      'payload_too_large',
      `the body must be at most ${maxBytes} bytes, got ${bytes}${whenTooLarge ? `: ${whenTooLarge}` : ''}`,
      {
        maxBytes,
        bytes,
      },
    );
  return content;
}

/** A body of one of the route's own text types as text, any other as JSON. */
export function parseBody(content: string | Buffer, contentType: string | undefined, texts: readonly string[] = []): ParsedBody {
  if (content.length === 0 || !texts.includes(contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''))
    return parseJsonBody(content, contentType, texts);
  const text = decode(content);
  if (text === null) return refuse('the body must be UTF-8');
  return text.includes('\0') ? refuse('the body must not hold NUL') : { body: text };
}

function decode(content: string | Buffer): string | null {
  try {
    return typeof content === 'string' ? content : new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return null; // the only thing a fatal decoder throws for
  }
}

/** Parses JSON. Malformed, missing, of another type: the problem, to be reported with all others. @param texts other types that the route takes, for the sentence */
export function parseJsonBody(content: string | Buffer, contentType: string | undefined, texts: readonly string[] = []): ParsedBody {
  const types = ['application/json', ...texts].join(', ');
  if (content.length === 0)
    return refuse(texts.length > 0 ? `a body is required, as ${types}; got none` : 'a JSON body is required, got none');
  if (contentType === undefined) return refuse(`content-type must be ${types}, got none`);
  if (!isJsonType(contentType)) return refuse(`content-type must be ${types} in UTF-8, got ${showValue(contentType)}`);
  const text = decode(content);
  if (text === null) return refuse('the body must be UTF-8');
  let body: unknown;
  try {
    body = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text); // RFC 8259: a byte order mark may be ignored
  } catch (error) {
    return refuse(`the body must be JSON${placeOf(error)}`);
  }
  const hostile = SUSPECT_ESCAPE.test(text) || mayBeDeep(text) ? findHostile(body) : undefined;
  return hostile ? { body: undefined, bodyProblem: hostile } : { body };
}

/** The body of a route that takes none: nothing, or an empty object, which some clients send with every POST. */
export function parseNoBody(content: string | Buffer, contentType: string | undefined): ParsedBody {
  if (content.length === 0) return { body: undefined };
  const parsed = parseJsonBody(content, contentType);
  if (parsed.bodyProblem) return parsed;
  const isEmpty =
    typeof parsed.body === 'object' && parsed.body !== null && !Array.isArray(parsed.body) && Object.keys(parsed.body).length === 0;
  return isEmpty ? { body: undefined } : refuse(`this takes no body, or {}, got ${showValue(parsed.body)}`);
}

function isJsonType(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase() ?? 'utf-8';
  return JSON_TYPE.test(contentType.split(';', 1)[0]?.trim() ?? '') && (charset === 'utf-8' || charset === 'us-ascii');
}

const refuse = (message: string): ParsedBody => ({ body: undefined, bodyProblem: { path: '', message } });

/** V8 quotes the body in its message; only the place is taken over. */
function placeOf(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const place = /\(line \d+ column \d+\)/.exec(message)?.[0];
  if (place) return ` ${place}`;
  return /end of JSON/.test(message) ? ', it ends too early' : '';
}

function mayBeDeep(text: string): boolean {
  let opened = 0;
  for (let at = text.search(/[[{]/); at >= 0 && at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === 91 || code === 123) && ++opened > MAX_DEPTH) return true;
  }
  return false;
}

/** Breadth first and without recursion: depth, NUL and broken characters, in keys as in values. */
function findHostile(root: unknown): Problem | undefined {
  let level: { value: unknown; path: string }[] = [{ value: root, path: '' }];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return { path: '', message: `must be nested at most ${MAX_DEPTH} deep` };
    const next: typeof level = [];
    for (const { value, path } of level) {
      if (typeof value === 'string') {
        if (isBroken(value)) return { path, message: `must not hold NUL or half a character, got ${showValue(value)}` };
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, inner] of Object.entries(value)) {
          if (isBroken(key)) return { path, message: `keys must not hold NUL or half a character, got ${showValue(key)}` };
          next.push({ value: inner, path: path ? `${path}.${key.slice(0, 60)}` : key.slice(0, 60) });
        }
      }
    }
    level = next;
  }
  return undefined;
}

const isBroken = (text: string): boolean => text.includes('\0') || !text.isWellFormed();
