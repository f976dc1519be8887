/**
 * Links to stored files, as S3 signs them on AWS: `/files/<key>?sha256=<hex>&...`; whoever has one may follow it, for an hour, and for
 * nothing else. The bytes are streamed past the handlers, since a model is larger than an answer may be, and hashed on the way: the last
 * part goes out only where they are those that the link was made for. A range cannot be hashed; who resumes a download compares the whole
 * with `repr-digest` (RFC 9530).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts, Downloads } from '#ports/artifacts.ts';
import { isMissing } from './data-root.ts';
import { answerJson } from './raw-answer.ts';
import type { SignedLinks } from './signed-links.ts';

const PREFIX = '/files/';
const PURPOSE = 'download';

/** Answers a request for a stored file; false where it is for something else. */
export type ServeFile = (request: IncomingMessage, response: ServerResponse) => boolean;

export class FileDownloads implements Downloads {
  readonly #links: SignedLinks;
  readonly #artifacts: Pick<Artifacts, 'locate'>;

  constructor({ links, artifacts }: { readonly links: SignedLinks; readonly artifacts: Pick<Artifacts, 'locate'> }) {
    this.#links = links;
    this.#artifacts = artifacts;
  }

  async link(key: string, { sha256 }: Pick<StoredFile, 'sha256'>): Promise<string> {
    const path = key.split('/').map(encodeURIComponent).join('/');
    return `${PREFIX}${path}?${this.#links.sign(PURPOSE, key, { sha256 }).query}`;
  }

  readonly serve: ServeFile = (request, response) => {
    const url = new URL(request.url?.startsWith(PREFIX) ? request.url : '/', 'http://plane');
    if (!url.pathname.startsWith(PREFIX) || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    void this.#answer(request, response, url).catch(() => response.destroy()); // the client went away, or the disk failed in the middle
    return true;
  };

  async #answer(request: IncomingMessage, response: ServerResponse, { pathname, searchParams }: URL): Promise<void> {
    const key = decode(pathname.slice(PREFIX.length));
    const sha256 = searchParams.get('sha256') ?? '';
    const problem = key === null ? 'the link is not one of this plane' : this.#links.problemOf(PURPOSE, key, searchParams);
    if (key === null || problem !== null) return refuse(response, 403, 'unauthorized', problem ?? '');
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
      etag: `"${sha256}"`,
      'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (request.method === 'HEAD' || size === 0) response.end();
    else if (range) await pipeline(createReadStream(path, { start, end }), response);
    else await pipeline(createReadStream(path), (bytes) => verified(bytes, sha256), response);
  }
}

/** Passes bytes on, and keeps the last of them back until all are known to be the right ones: a client never has a whole file of others. */
async function* verified(bytes: AsyncIterable<Buffer>, sha256: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  for await (const chunk of bytes) {
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (hash.digest('hex') !== sha256) throw new Error('the stored bytes are not those that the link was made for');
  if (held) yield held;
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
  answerJson(response, status, { error: status === 403 ? 'Unauthorized' : 'Artifact not found', detail, code });
}
