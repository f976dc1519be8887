import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';

/** Documents are JSON, and quicker to copy as text. */
const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Documents in memory, a map for each collection: for worlds of thousands. */
export class SwiftDocuments implements DocumentStore {
  readonly #collections = new Map<string, Map<string, Record<string, unknown>>>();

  async put(collection: string, id: string, value: Readonly<Record<string, unknown>>): Promise<void> {
    this.#of(collection).set(id, copyOf(value));
  }

  async change(
    collection: string,
    id: string,
    value: Readonly<Record<string, unknown>> & { readonly version: number },
    expectedVersion: number,
  ): Promise<void> {
    if (this.#of(collection).get(id)?.['version'] !== expectedVersion) throw new VersionConflict(id);
    await this.put(collection, id, value);
  }

  async get(collection: string, id: string): Promise<Record<string, unknown> | null> {
    return copyOf(this.#of(collection).get(id) ?? null);
  }

  async list(collection: string, limit: number, after?: string): Promise<{ id: string; value: Record<string, unknown> }[]> {
    return [...this.#of(collection)]
      .filter(([id]) => after === undefined || id < after)
      .sort(([a], [b]) => (a < b ? 1 : -1))
      .slice(0, limit)
      .map(([id, value]) => ({ id, value: copyOf(value) }));
  }

  async take(collection: string, id: string): Promise<Record<string, unknown> | null> {
    const value = this.#of(collection).get(id) ?? null;
    this.#of(collection).delete(id);
    return value;
  }

  async expire(): Promise<void> {}

  #of(collection: string): Map<string, Record<string, unknown>> {
    const known = this.#collections.get(collection) ?? new Map();
    this.#collections.set(collection, known);
    return known;
  }
}
