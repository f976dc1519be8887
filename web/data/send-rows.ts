/** Rows from a file of this machine into the plane: small ones in one request, larger ones by a signed link, whole or not at all. */
import { PlaneError, perform, readError } from '../plane/ask.ts';
import type { Recipe } from '../plane/recipe.ts';
import type { Dataset, DatasetUpload } from '../plane/wire.ts';

/** What one request takes. */
export const REQUEST_BYTES = 4 * 1_048_576;
/** A browser hashes only what it holds in memory. */
export const LINK_BYTES = 1_000_000_000;

export type SendPhase = 'checking' | 'hashing' | 'sending';

/** @returns the small request, as it is sent and shown */
export const rowsRecipe = (path: string, content: string, file: string): Recipe => ({
  method: 'PUT',
  path,
  text: { content, contentType: 'application/x-ndjson', file },
  ...(path.startsWith('/datasets/') && { command: ['datasets', 'put', file, decodeURIComponent(path.slice('/datasets/'.length))] }),
});

/** A data set of any size up to a gigabyte. @throws PlaneError; Error in a sentence where this browser cannot */
export async function sendLargeDataset(name: string, file: File, onPhase: (phase: SendPhase) => void): Promise<Dataset> {
  if (!('subtle' in crypto))
    throw new Error(
      'a browser hashes a file only on a page that came over https or from this machine: use curl, or put the file below the data root',
    );
  onPhase('hashing');
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  const sha256 = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const path = `/datasets/${encodeURIComponent(name)}`;
  const upload = await perform<DatasetUpload>({ method: 'POST', path: `${path}/upload`, body: { size_bytes: file.size, sha256 } });
  if (!upload.stored) {
    onPhase('sending');
    const response = await fetch(upload.upload_url, { method: upload.method, headers: upload.headers, body: file });
    if (!response.ok) throw new PlaneError(response.status, readError(await response.text(), response.status));
  }
  onPhase('checking');
  return perform<Dataset>({ method: 'PUT', path, body: { sha256 } });
}
