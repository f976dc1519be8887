/**
 * One caller at a time asks for a machine of an attempt. A caller that died is waited for as long as a provider may take to show what it
 * was asked for: then it is known by its label whether there is one.
 */
import * as z from 'zod';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';

const COLLECTION = 'rented-launches';
const leaseSchema = z.object({ version: z.int(), until: z.number() });

export class LaunchLease {
  readonly #documents: DocumentStore;
  readonly #clock: Clock;

  constructor({ documents, clock }: { readonly documents: DocumentStore; readonly clock: Clock }) {
    this.#documents = documents;
    this.#clock = clock;
  }

  /** @returns false where somebody else holds it */
  async take(tag: string, millis: number): Promise<boolean> {
    const stored = await this.#documents.get(COLLECTION, tag);
    if (stored === null) await this.#documents.put(COLLECTION, tag, { version: 0, until: 0 });
    const { version, until } = stored === null ? { version: 0, until: 0 } : leaseSchema.parse(stored);
    if (until > this.#clock.now()) return false;
    try {
      await this.#documents.change(COLLECTION, tag, { version: version + 1, until: this.#clock.now() + millis }, version);
      return true;
    } catch (error) {
      if (error instanceof VersionConflict) return false;
      throw error;
    }
  }

  /** Whoever took it gives it back. */
  async free(tag: string): Promise<void> {
    await this.#documents.take(COLLECTION, tag);
  }
}
