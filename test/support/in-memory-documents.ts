import type { Remembered } from '#ports/answer-store.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { InMemoryAnswers } from './in-memory-answers.ts';

/** Documents in a map; a document and the answer that speaks of it are stored together or not at all. */
export class InMemoryDocuments implements DocumentStore {
  readonly documents = new Map<string, Record<string, unknown>>();
  readonly #answers: InMemoryAnswers;

  constructor(answers: InMemoryAnswers) {
    this.#answers = answers;
  }

  async put(collection: string, id: string, value: Readonly<Record<string, unknown>>, remembered?: Remembered): Promise<void> {
    if (remembered) this.#answers.store(remembered);
    this.documents.set(`${collection}/${id}`, { ...value });
  }

  async change(
    collection: string,
    id: string,
    value: Readonly<Record<string, unknown>> & { readonly version: number },
    expectedVersion: number,
  ): Promise<void> {
    if (this.documents.get(`${collection}/${id}`)?.version !== expectedVersion) throw new VersionConflict(id);
    this.documents.set(`${collection}/${id}`, { ...value });
  }

  async get(collection: string, id: string): Promise<Record<string, unknown> | null> {
    return this.documents.get(`${collection}/${id}`) ?? null;
  }

  async list(collection: string, limit: number, after?: string): Promise<{ id: string; value: Record<string, unknown> }[]> {
    return [...this.documents]
      .filter(([key]) => key.startsWith(`${collection}/`))
      .map(([key, value]) => ({ id: key.slice(collection.length + 1), value }))
      .filter(({ id }) => after === undefined || id < after)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  async take(collection: string, id: string): Promise<Record<string, unknown> | null> {
    const value = await this.get(collection, id);
    this.documents.delete(`${collection}/${id}`);
    return value;
  }

  async expire(collection: string, before: number): Promise<void> {
    for (const [key, { expiresAt }] of this.documents)
      if (key.startsWith(`${collection}/`) && typeof expiresAt === 'number' && expiresAt < before) this.documents.delete(key);
  }
}
