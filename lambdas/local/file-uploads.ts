/**
 * Uploads of what is too large for a request: `PUT /uploads/<sha256>?size=<bytes>&...`, by a signed link, streamed to the disk past the
 * handlers. The bytes become a content only where they are those that the link names.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { UploadLink } from '#ports/inputs.ts';
import { sync } from './durable-file.ts';
import type { ServeFile } from './file-downloads.ts';
import { contentPath } from './folder-contents.ts';
import { answerJson } from './raw-answer.ts';
import type { SignedLinks } from './signed-links.ts';

const PREFIX = '/uploads/';
const PURPOSE = 'upload';
const SHA256 = /^[0-9a-f]{64}$/;

export class FileUploads {
  readonly #folder: string;
  readonly #links: SignedLinks;

  /** @param folder of the contents */
  constructor({ folder, links }: { readonly folder: string; readonly links: SignedLinks }) {
    this.#folder = folder;
    this.#links = links;
  }

  link(sha256: string, sizeBytes: number): UploadLink {
    const { query, expiresAt } = this.#links.sign(PURPOSE, sha256, { size: String(sizeBytes) });
    return { url: `${PREFIX}${sha256}?${query}`, method: 'PUT', headers: {}, expiresAt: new Date(expiresAt).toISOString() };
  }

  readonly serve: ServeFile = (request, response) => {
    const url = new URL(request.url?.startsWith(PREFIX) ? request.url : '/', 'http://plane');
    if (!url.pathname.startsWith(PREFIX) || request.method !== 'PUT') return false;
    void this.#take(request, response, url).catch(() => response.destroy()); // the client went away, or the disk failed in the middle
    return true;
  };

  async #take(request: IncomingMessage, response: ServerResponse, { pathname, searchParams }: URL): Promise<void> {
    const sha256 = pathname.slice(PREFIX.length);
    const problem = SHA256.test(sha256) ? this.#links.problemOf(PURPOSE, sha256, searchParams) : 'the link is not one of this plane';
    if (problem !== null) return refuse(request, response, 403, 'unauthorized', problem);
    const size = Number(searchParams.get('size'));
    const length = request.headers['content-length'];
    if (length === undefined || Number(length) !== size)
      return refuse(request, response, 400, 'invalid_request', `content-length must be ${size}, got ${length ?? 'none'}`);
    await mkdir(this.#folder, { recursive: true });
    const temporary = join(this.#folder, `.put-${randomUUID()}`);
    try {
      const hash = createHash('sha256');
      await pipeline(request, (bytes) => hashed(bytes, hash), createWriteStream(temporary, { flags: 'wx' }));
      const found = hash.digest('hex');
      if (found !== sha256)
        return answerJson(response, 400, { error: 'Invalid request', detail: `the bytes have SHA-256 ${found}`, code: 'invalid_request' });
      await sync(temporary);
      await rename(temporary, contentPath(this.#folder, sha256));
      await sync(this.#folder);
      answerJson(response, 200, { sha256, size_bytes: size });
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

async function* hashed(bytes: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

/** What still comes of the body is thrown away: a client that is cut off in the middle never reads why. */
function refuse(request: IncomingMessage, response: ServerResponse, status: 400 | 403, code: string, detail: string): void {
  answerJson(response, status, { error: status === 403 ? 'Unauthorized' : 'Invalid request', detail, code });
  request.resume();
}
