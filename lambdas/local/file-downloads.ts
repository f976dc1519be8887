/**
 * Links to stored files, as S3 signs them on AWS: whoever has one may follow it, for an hour, and for nothing else.
 * `/files/<key>?expires=<seconds>&signature=<HMAC-SHA256 of both>`; the key that signs stays in the home, so a link outlives a restart.
 * The bytes are streamed past the handlers, since a model is larger than an answer may be.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Artifacts, Clock, Downloads } from '#ports';
import { isMissing } from './data-root.ts';

const PREFIX = '/files/';
const LIFE_SECONDS = 3_600;

/** Answers a request for a stored file; false where it is for something else. */
export type ServeFile = (request: IncomingMessage, response: ServerResponse) => boolean;

export class FileDownloads implements Downloads {
  readonly #key: Buffer;
  readonly #artifacts: Pick<Artifacts, 'locate'>;
  readonly #clock: Clock;

  constructor(options: { readonly key: Buffer; readonly artifacts: Pick<Artifacts, 'locate'>; readonly clock: Clock }) {
    this.#key = options.key;
    this.#artifacts = options.artifacts;
    this.#clock = options.clock;
  }

  async link(key: string): Promise<string> {
    const expires = String(Math.floor(this.#clock.now() / 1_000) + LIFE_SECONDS);
    const path = key.split('/').map(encodeURIComponent).join('/');
    return `${PREFIX}${path}?expires=${expires}&signature=${this.#sign(key, expires).toString('base64url')}`;
  }

  readonly serve: ServeFile = (request, response) => {
    const url = new URL(request.url?.startsWith(PREFIX) ? request.url : '/', 'http://plane');
    if (!url.pathname.startsWith(PREFIX) || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    void this.#answer(request, response, url).catch(() => response.destroy()); // the client went away, or the disk failed in the middle
    return true;
  };

  async #answer(request: IncomingMessage, response: ServerResponse, { pathname, searchParams }: URL): Promise<void> {
    const key = decode(pathname.slice(PREFIX.length));
    const expires = searchParams.get('expires') ?? '';
    if (key === null || !this.#isSigned(key, expires, searchParams.get('signature') ?? ''))
      return refuse(response, 403, 'unauthorized', 'the link is not one of this plane');
    if (Number(expires) * 1_000 <= this.#clock.now())
      return refuse(response, 403, 'unauthorized', 'the link has expired: ask for a new one');
    const path = this.#artifacts.locate(key);
    const size = await sizeOf(path);
    if (size === null) return refuse(response, 404, 'artifact_not_found', 'the file is not there any more');
    const range = readRange(request.headers.range, size);
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'content-range': `bytes */${size}`, 'content-length': 0 }).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: size - 1 };
    response.writeHead(range ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': end - start + 1,
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(basename(path))}`,
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (request.method === 'HEAD' || size === 0) response.end();
    else await pipeline(createReadStream(path, { start, end }), response);
  }

  #isSigned(key: string, expires: string, signature: string): boolean {
    const given = Buffer.from(signature, 'base64url');
    const expected = this.#sign(key, expires);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #sign(key: string, expires: string): Buffer {
    return createHmac('sha256', this.#key).update(`${expires}\n${key}`).digest();
  }
}

function decode(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null; // a broken percent sign: no link of ours
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

type Range = { readonly start: number; readonly end: number };

/** One range, RFC 9110 section 14.1.2; several, or another unit, are answered with the whole file, as they may be. */
function readRange(header: string | undefined, size: number): Range | 'unsatisfiable' | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}

function refuse(response: ServerResponse, status: 403 | 404, code: string, detail: string): void {
  const body = JSON.stringify({ error: status === 403 ? 'Unauthorized' : 'Artifact not found', detail, code });
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
