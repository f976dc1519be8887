/** A data file of this machine: its size, its hash, its rows; and as JSON Lines, which is what a plane stores. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { usageFailure } from '../exit-code.ts';

/** JSON is read whole: a file of this size takes some 2 GB while it is turned into lines. */
const MAX_JSON_BYTES = 256 * 1_048_576;
const NEW_LINE = 0x0a;

export interface LocalFile {
  /** absolute */
  readonly path: string;
  /** of what is sent: of the lines, where the file is JSON */
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly rows: number;
  /** the lines, where they are not the file as it stands */
  readonly lines: Buffer | null;
}

/** @returns null where no file is there. @throws CommandFailure for a folder, or a file that cannot be sent as rows */
export async function describeLocalFile(path: string): Promise<LocalFile | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isFile())
    throw usageFailure(`${path} is no file: only files can be stored`, 'a folder is read where it is, below the data root of the plane');
  if (/\.parquet$/i.test(path))
    throw usageFailure(
      `${path} is Parquet, and a plane stores JSON Lines`,
      'put it below the data root of the plane, or write it as .jsonl',
    );
  return /\.json$/i.test(path) ? describeJson(path, found.size) : describeLines(path, found.size);
}

async function describeLines(path: string, sizeBytes: number): Promise<LocalFile> {
  const hash = createHash('sha256');
  let rows = 0;
  let isInRow = false;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    for (const byte of chunk) {
      if (byte === NEW_LINE) isInRow = false;
      else if (!isInRow && byte > 0x20) {
        isInRow = true; // a line of blanks holds no row
        rows += 1;
      }
    }
  }
  return { path, sizeBytes, sha256: hash.digest('hex'), rows, lines: null };
}

/** An array of rows, as lines. */
async function describeJson(path: string, sizeBytes: number): Promise<LocalFile> {
  if (sizeBytes > MAX_JSON_BYTES)
    throw usageFailure(`${path} must be at most ${MAX_JSON_BYTES} bytes of JSON, it has ${sizeBytes}`, 'write it as .jsonl, a row a line');
  const text = await readFile(path, 'utf8');
  const value = parseJson(text);
  if (value === undefined) return describeLines(path, sizeBytes); // lines under another name, or nonsense, which the plane will tell
  if (!Array.isArray(value)) throw usageFailure(`${path} must hold a JSON array of rows`);
  const lines = Buffer.from(value.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return { path, sizeBytes: lines.length, sha256: createHash('sha256').update(lines).digest('hex'), rows: value.length, lines };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * A name that is the content's own: `poems-3f9a1c2b4d5e` of poems.jsonl. The same bytes are stored once, and other bytes never replace what
 * somebody stored before.
 */
export function nameOf({ path, sha256 }: Pick<LocalFile, 'path' | 'sha256'>): string {
  const stem = basename(path)
    .replace(/\.(jsonl|json)$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/\.{2,}/g, '.')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100);
  return `${stem || 'data'}-${sha256.slice(0, 12)}`;
}
