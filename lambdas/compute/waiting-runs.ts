/** Who waits for a worker, in the document store: many processes see one line. Who no longer asks drops out of it by itself. */
import * as z from 'zod';
import { computeNeedSchema } from '#domain/run.ts';
import type { Waiter, WorkerNeed } from '#domain/worker.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Clock } from '#ports/workflow.ts';

export const WORKER_LINE = 'worker-line';
const PAGE_ROWS = 1_000;
/** A run that waits asks every minute; one that did not ask for so long is stopped, deleted, or waits elsewhere. */
const FORGOTTEN_MILLIS = 10 * 60_000;

const entrySchema = z.object({
  expiresAt: z.number(),
  need: z.object({
    compute: computeNeedSchema,
    framework: z.string(),
    memoryGb: z.number(),
    isOnPlane: z.boolean(),
    base: z.string().nullable(),
  }),
});

export class WaitingRuns {
  readonly #documents: DocumentStore;
  readonly #clock: Clock;

  constructor({ documents, clock }: { readonly documents: DocumentStore; readonly clock: Clock }) {
    this.#documents = documents;
    this.#clock = clock;
  }

  async note(tag: string, need: WorkerNeed): Promise<void> {
    await this.#documents.put(WORKER_LINE, tag, { expiresAt: this.#clock.now() + FORGOTTEN_MILLIS, need });
  }

  async remove(tag: string): Promise<void> {
    await this.#documents.take(WORKER_LINE, tag);
  }

  /** All of it, the oldest first. The store gives the newest first: the oldest stand on its last page. */
  async all(): Promise<Waiter[]> {
    const rows: { id: string; value: Record<string, unknown> }[] = [];
    for (;;) {
      const page = await this.#documents.list(WORKER_LINE, PAGE_ROWS, rows.at(-1)?.id);
      rows.push(...page);
      if (page.length < PAGE_ROWS) break;
    }
    return rows
      .map(({ id, value }) => ({ tag: id, ...entrySchema.parse(value) }))
      .filter(({ expiresAt }) => expiresAt > this.#clock.now())
      .map(({ tag, need }) => ({ tag, need }))
      .toReversed();
  }
}
