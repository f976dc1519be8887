import type { Remembered } from './answer-store.ts';

/** Small documents: saved configs, sessions, trajectories, projects. */
export interface DocumentStore {
  /** Creates or replaces. With `remembered`, both are stored or neither. @throws VersionConflict where the answer is there already */
  put(collection: string, id: string, value: Readonly<Record<string, unknown>>, remembered?: Remembered): Promise<void>;
  /** Replaces a document whose field `version` is `expectedVersion`; the new value carries the next one. @throws VersionConflict */
  change(
    collection: string,
    id: string,
    value: Readonly<Record<string, unknown>> & { readonly version: number },
    expectedVersion: number,
  ): Promise<void>;
  get(collection: string, id: string): Promise<Record<string, unknown> | null>;
  /** Newest id first. */
  list(collection: string, limit: number, after?: string): Promise<{ id: string; value: Record<string, unknown> }[]>;
  /** Takes a document away and gives what it held: to exactly one of many callers; null to all others. */
  take(collection: string, id: string): Promise<Record<string, unknown> | null>;
  /**
   * Removes the documents of a collection whose field `expiresAt` (milliseconds since 1970) lies before. A store may remove them by itself
   * at any time after that moment, so whoever reads one looks at the field.
   */
  expire(collection: string, before: number): Promise<void>;
}
