/** Rows that users stored, one file a content: <home>/contents/<sha256>.jsonl. Written once, never changed, never removed. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contents } from '#ports';
import { isMissing } from './data-root.ts';
import { putFileIfAbsent } from './durable-file.ts';

export const contentPath = (folder: string, sha256: string): string => join(folder, `${sha256}.jsonl`);

export class FolderContents implements Contents {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(content: string): Promise<{ sha256: string; sizeBytes: number }> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    await putFileIfAbsent(contentPath(this.#folder, sha256), content);
    return { sha256, sizeBytes: Buffer.byteLength(content) };
  }

  async get(sha256: string): Promise<string | null> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) return null;
    try {
      return await readFile(contentPath(this.#folder, sha256), 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }
}
