import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** 1 MiB keeps the event loop for about a millisecond at a time. */
const CHUNK_BYTES = 1024 * 1024;

/** SHA-256 of a file's bytes, as 64 hex digits. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk);
  return hash.digest('hex');
}
