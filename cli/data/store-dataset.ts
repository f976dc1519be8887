/** Stores a local file as a dataset of the plane: in one request up to 4 MB, else by a signed link, with progress. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { CommandFailure, Interrupted } from '../exit-code.ts';
import { TransferDisplay } from '../follow/transfer-display.ts';
import { type Dataset, nameUpload, openUpload, previewDataset, putDataset, type Upload } from '../plane/places.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { PlaneRefusal } from '../plane/plane-errors.ts';
import type { Session } from '../session.ts';
import type { LocalFile } from './local-file.ts';

/** What `PUT /datasets/{name}` takes. */
const MAX_BODY_BYTES = 4 * 1_048_576;

/** @throws PlaneRefusal naming each bad row; PlaneAway, Interrupted */
export async function storeDataset(session: Session, plane: PlaneClient, name: string, file: LocalFile): Promise<Dataset> {
  const present = await findStored(plane, name);
  if (present?.sha256 === file.sha256) return present;
  if (file.sizeBytes <= MAX_BODY_BYTES) return putDataset(plane, name, file.lines ?? (await readFile(file.path)));
  const display = new TransferDisplay(session, file.sizeBytes);
  let sent = 0;
  const note = (bytes: number): void => {
    sent = bytes;
    display.show(`storing ${name}`, bytes);
  };
  try {
    await plane.patiently(
      async () => {
        const upload = await openUpload(plane, name, file); // a new link for each try: it is good for an hour
        if (!upload.stored) await send(plane, upload, file, note);
      },
      () => sent,
    );
  } finally {
    display.end();
  }
  return nameUpload(plane, name, file.sha256);
}

async function findStored(plane: PlaneClient, name: string): Promise<Dataset | null> {
  try {
    return await previewDataset(plane, name, 1);
  } catch (error) {
    if (error instanceof PlaneRefusal && error.status === 404) return null;
    throw error;
  }
}

async function send(
  plane: PlaneClient,
  { upload_url, method, headers }: Upload,
  file: LocalFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const bytes = file.lines === null ? createReadStream(file.path) : Readable.from(chunksOf(file.lines));
  try {
    const response = await fetch(new URL(upload_url, plane.url), {
      method,
      headers: { ...headers, 'content-length': String(file.sizeBytes) },
      body: counted(bytes, onBytes),
      duplex: 'half',
      signal: plane.interrupted,
    });
    const text = await response.text();
    if (!response.ok)
      throw new CommandFailure('upload_refused', `the bytes of ${file.path} were answered ${response.status}: ${text.slice(0, 300)}`, {
        remedy: 'was the file written to meanwhile? try again when it is whole',
      });
  } catch (error) {
    if (plane.interrupted.aborted) throw new Interrupted('interrupted while the data were sent: nothing was started');
    throw plane.away(error);
  }
}

const CHUNK_BYTES = 65_536;

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

async function* counted(chunks: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const chunk of chunks) {
    yield chunk;
    count += chunk.length;
    onBytes(count);
  }
}
