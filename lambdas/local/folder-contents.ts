/** Rows that users stored, one file a content: <home>/contents/<sha256>.jsonl. Written once, never changed, never removed. */
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contents, UploadLink } from '#ports/inputs.ts';
import { isMissing } from './data-root.ts';
import { putFileIfAbsent } from './durable-file.ts';
import type { FileUploads } from './file-uploads.ts';

const SHA256 = /^[0-9a-f]{64}$/;

export const contentPath = (folder: string, sha256: string): string => join(folder, `${sha256}.jsonl`);

export class FolderContents implements Contents {
  readonly #folder: string;
  readonly #uploads: FileUploads;

  constructor({ folder, uploads }: { readonly folder: string; readonly uploads: FileUploads }) {
    this.#folder = folder;
    this.#uploads = uploads;
  }

  async openUpload(sha256: string, sizeBytes: number): Promise<UploadLink> {
    return this.#uploads.link(sha256, sizeBytes);
  }

  async getStart(sha256: string, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null> {
    if (!SHA256.test(sha256)) return null;
    const file = await open(contentPath(this.#folder, sha256)).catch((error) => {
      if (isMissing(error)) return null;
      throw error;
    });
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      const start = Buffer.alloc(Math.min(size, maxBytes));
      const { bytesRead } = await file.read(start, 0, start.length, 0);
      return { start: start.subarray(0, bytesRead), sizeBytes: size };
    } finally {
      await file.close();
    }
  }

  async put(content: string): Promise<{ sha256: string; sizeBytes: number }> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    await putFileIfAbsent(contentPath(this.#folder, sha256), content);
    return { sha256, sizeBytes: Buffer.byteLength(content) };
  }

  async get(sha256: string): Promise<string | null> {
    if (!SHA256.test(sha256)) return null;
    try {
      return await readFile(contentPath(this.#folder, sha256), 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }
}
