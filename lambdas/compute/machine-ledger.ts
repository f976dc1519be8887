/**
 * Every machine that was ever asked for, written down before the request goes out: no machine is paid for without a record, whatever dies
 * in between.
 *
 *   asked -> live -> ended -> settled       what the provider's own books say is final
 *   asked -> never                          refused, or not seen for a day after a request that got no answer
 *
 * Records of one attempt lie together (`rented/<tag>`); what is not final yet is also named in `rented-open/<provider>`, which is what a
 * sweep reads. The name is written before the record and taken away after it: a name without a record is passed over.
 */
import * as z from 'zod';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Clock } from '#ports/workflow.ts';
import type { Billed } from './connector.ts';

const recordSchema = z.object({
  label: z.string(),
  tag: z.string(),
  provider: z.string(),
  state: z.enum(['asked', 'live', 'ended', 'settled', 'never']),
  machineId: z.string().nullable(),
  offerKey: z.string(),
  host: z.string().nullable(),
  gpuType: z.string(),
  gpus: z.int(),
  region: z.string(),
  spot: z.boolean(),
  usdPerHour: z.number(),
  /** all times in milliseconds since 1970 */
  askedAt: z.number(),
  billedFrom: z.number().nullable(),
  endedAt: z.number().nullable(),
  /** of the provider's books, once they are known */
  seconds: z.number().nullable(),
  usd: z.number().nullable(),
  /** when the books were last asked in vain */
  askedBooksAt: z.number().nullable(),
});
export type LedgerRecord = z.infer<typeof recordSchema>;

const pointerSchema = z.object({ tag: z.string() });
const MAX_PER_ATTEMPT = 1_000;
const MAX_OPEN = 1_000;

export class MachineLedger {
  readonly #documents: DocumentStore;
  readonly #clock: Clock;
  readonly #provider: string;

  constructor({ documents, clock, provider }: { readonly documents: DocumentStore; readonly clock: Clock; readonly provider: string }) {
    this.#documents = documents;
    this.#clock = clock;
    this.#provider = provider;
  }

  /** Before the request for a machine goes out. */
  async asked(
    facts: Omit<LedgerRecord, 'provider' | 'state' | 'machineId' | 'billedFrom' | 'endedAt' | 'seconds' | 'usd' | 'askedBooksAt'>,
  ): Promise<LedgerRecord> {
    const record: LedgerRecord = {
      ...facts,
      provider: this.#provider,
      state: 'asked',
      machineId: null,
      billedFrom: null,
      endedAt: null,
      seconds: null,
      usd: null,
      askedBooksAt: null,
    };
    await this.#documents.put(this.#openNames(), record.label, { tag: record.tag });
    await this.#write(record);
    return record;
  }

  /** The machine is there: by the answer to the request, or because it was found by its label. */
  async live(
    record: LedgerRecord,
    machineId: string,
    seen: { billedFrom?: number | null; usdPerHour?: number | null } = {},
  ): Promise<LedgerRecord> {
    if (record.state !== 'asked' && record.state !== 'live') return record;
    const next: LedgerRecord = {
      ...record,
      state: 'live',
      machineId,
      billedFrom: seen.billedFrom ?? record.billedFrom ?? this.#clock.now(),
      usdPerHour: seen.usdPerHour ?? record.usdPerHour,
    };
    if (JSON.stringify(next) !== JSON.stringify(record)) await this.#write(next);
    return next;
  }

  /** The machine is gone. */
  async ended(record: LedgerRecord): Promise<void> {
    if (record.state === 'live') await this.#write({ ...record, state: 'ended', endedAt: this.#clock.now() });
  }

  /** There is no machine of this label, and there will be none. */
  async never(record: LedgerRecord): Promise<void> {
    if (record.state === 'asked') await this.#close({ ...record, state: 'never', endedAt: this.#clock.now() });
  }

  /** @param books null: they will not tell any more, and what the plane saw counts */
  async settled(record: LedgerRecord, books: Billed | null): Promise<void> {
    if (record.state === 'ended') await this.#close({ ...record, state: 'settled', ...(books ?? whatWasSeen(record)) });
  }

  async askedBooks(record: LedgerRecord): Promise<void> {
    await this.#write({ ...record, askedBooksAt: this.#clock.now() });
  }

  /** All machines of an attempt, the one asked for first at the front. */
  async of(tag: string): Promise<LedgerRecord[]> {
    const rows = await this.#documents.list(`rented/${tag}`, MAX_PER_ATTEMPT);
    return rows.map(({ value }) => recordSchema.parse(value)).toReversed();
  }

  /** What is not final yet, the newest first. */
  async open(): Promise<LedgerRecord[]> {
    const names = await this.#documents.list(this.#openNames(), MAX_OPEN);
    const records = await Promise.all(
      names.map(async ({ id, value }) => this.#documents.get(`rented/${pointerSchema.parse(value).tag}`, id)),
    );
    return records.flatMap((record) => (record === null ? [] : [recordSchema.parse(record)]));
  }

  #openNames(): string {
    return `rented-open/${this.#provider}`;
  }

  async #write(record: LedgerRecord): Promise<void> {
    await this.#documents.put(`rented/${record.tag}`, record.label, record);
  }

  async #close(record: LedgerRecord): Promise<void> {
    await this.#write(record);
    await this.#documents.take(this.#openNames(), record.label);
  }
}

/** What a machine cost, by the provider's books where they are known, else by what the plane saw of it. */
export function costOf(record: LedgerRecord, now: number): Billed {
  if (record.seconds !== null && record.usd !== null) return { seconds: record.seconds, usd: record.usd };
  return whatWasSeen({ ...record, endedAt: record.endedAt ?? now });
}

function whatWasSeen({ state, billedFrom, endedAt, usdPerHour }: LedgerRecord): Billed {
  if (billedFrom === null || endedAt === null || state === 'never') return { seconds: 0, usd: 0 };
  const seconds = Math.max(0, Math.round((endedAt - billedFrom) / 1_000));
  return { seconds, usd: (seconds * usdPerHour) / 3_600 };
}
