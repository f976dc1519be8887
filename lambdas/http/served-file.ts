/** A file of a page as it goes out: kept in memory plain and compressed, with a name for its content, so that who has it is not sent it again. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { RawReply } from './route.ts';

export interface ServedFile {
  readonly contentType: string;
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

export type RequestHeaders = Readonly<Record<string, string | undefined>>;

export async function toServedFile(plain: Buffer, contentType: string): Promise<ServedFile> {
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 27)}"`;
  return { contentType, etag, plain, gzipped: await promisify(gzip)(plain) };
}

/** @param cacheControl how long who has it may keep it unasked. @param more headers of this file alone */
export function toFileReply(
  file: ServedFile,
  headers: RequestHeaders,
  cacheControl: string,
  more: Readonly<Record<string, string>> = {},
): RawReply {
  const shared = {
    ...more,
    etag: file.etag,
    'cache-control': cacheControl,
    vary: 'accept-encoding',
    'x-content-type-options': 'nosniff',
  };
  if (headers['if-none-match'] === file.etag) return { status: 304, contentType: file.contentType, headers: shared, raw: '' };
  const acceptsGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\b)/i.test(headers['accept-encoding'] ?? '');
  return acceptsGzip
    ? { status: 200, contentType: file.contentType, headers: { ...shared, 'content-encoding': 'gzip' }, raw: file.gzipped }
    : { status: 200, contentType: file.contentType, headers: shared, raw: file.plain };
}
