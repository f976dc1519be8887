import { createHash } from 'node:crypto';
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts } from '#ports/artifacts.ts';

export const sha256Of = (content: string): string => createHash('sha256').update(content).digest('hex');

/** Run folders in memory. Listings come in the worst order, and `lateListings` keeps the newest key back for one listing. */
export class MemoryArtifacts implements Artifacts {
  readonly files = new Map<string, string>();
  readonly published: { prefix: string; outputDir: string | null }[] = [];
  lateListings = false;
  #listed = new Set<string>();

  locate(key: string): string {
    return `/memory/${key}`;
  }

  async put(key: string, content: string): Promise<void> {
    this.files.set(key, content);
  }

  async putIfAbsent(key: string, content: string): Promise<boolean> {
    if (this.files.has(key)) return false;
    this.files.set(key, content);
    return true;
  }

  async get(key: string): Promise<string | null> {
    return this.files.get(key) ?? null;
  }

  async list(prefix: string): Promise<string[]> {
    const keys = [...this.files.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort()
      .reverse();
    const visible = this.lateListings ? keys.filter((key) => this.#listed.has(key)) : keys;
    for (const key of keys) this.#listed.add(key);
    return visible;
  }

  async remove(key: string): Promise<void> {
    this.files.delete(key);
  }

  async removeFolder(prefix: string): Promise<void> {
    for (const key of [...this.files.keys()]) if (key.startsWith(prefix)) this.files.delete(key);
  }

  async verify(prefix: string, files: readonly StoredFile[]): Promise<string | null> {
    const bad = files.find(({ path, sha256 }) => sha256Of(this.files.get(prefix + path) ?? '') !== sha256);
    return bad ? `'${bad.path}' differs` : null;
  }

  async placeBase(base: string): Promise<{ key: string; note: string | null } | { problem: string }> {
    return { key: `bases/${base.replace(/^s3:\/\//, '')}`, note: null };
  }

  async publish(prefix: string, outputDir: string | null): Promise<string> {
    this.published.push({ prefix, outputDir });
    return outputDir === null ? prefix : `${outputDir}/adapter`;
  }
}
