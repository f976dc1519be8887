/**
 * Keeps requests of one account so far apart as its provider wants, whoever asks: the next free moment of each kind of request stands in
 * the document store, so that many processes share one account. Who would wait too long is told to come again instead.
 */
import * as z from 'zod';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { ConnectorError } from './connector-error.ts';

const COLLECTION = 'rate-gates';
const slotSchema = z.object({ version: z.int(), freeAt: z.number() });
type Slot = z.infer<typeof slotSchema>;
/** A conflict is somebody else's place before us. */
const MAX_TRIES = 40;

export interface Pace {
  readonly name: string;
  readonly intervalMillis: number;
  /** who would wait longer comes again later */
  readonly maxWaitMillis: number;
}

export interface Gate {
  /** Resolves when it is our turn in every kind that the request is of: all are counted from that one moment. @throws ConnectorError `rate-limited` where it is too far away */
  pass(paces: readonly Pace[]): Promise<void>;
  /** The provider itself said when it will answer again. */
  shut(name: string, millis: number): Promise<void>;
}

/** For whoever asks once, beside a plane that keeps the pace. */
export const OPEN_GATE: Gate = { pass: async () => {}, shut: async () => {} };

export interface RateGateOptions {
  readonly provider: string;
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly pause: (millis: number) => Promise<void>;
}

export class RateGate implements Gate {
  readonly #options: RateGateOptions;

  constructor(options: RateGateOptions) {
    this.#options = options;
  }

  async pass(paces: readonly Pace[]): Promise<void> {
    const { clock, pause } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const slots = await Promise.all(paces.map(async (pace) => ({ pace, stored: await this.#read(pace.name) })));
      const now = clock.now();
      const turn = Math.max(now, ...slots.map(({ stored }) => stored?.freeAt ?? 0));
      if (turn - now > Math.min(...paces.map(({ maxWaitMillis }) => maxWaitMillis))) throw this.#tooOften(turn - now);
      let isOurs = true;
      for (const { pace, stored } of slots) isOurs &&= await this.#take(pace.name, turn + pace.intervalMillis, stored);
      if (!isOurs) continue;
      if (turn > now) await pause(turn - now);
      return;
    }
    throw this.#tooOften(Math.max(...paces.map(({ intervalMillis }) => intervalMillis)));
  }

  async shut(name: string, millis: number): Promise<void> {
    const stored = await this.#read(name);
    await this.#take(name, Math.max(stored?.freeAt ?? 0, this.#options.clock.now() + millis), stored); // lost to another: it heard the same
  }

  async #read(name: string): Promise<Slot | null> {
    const { provider, documents } = this.#options;
    const stored = await documents.get(COLLECTION, `${provider}-${name}`);
    return stored === null ? null : slotSchema.parse(stored);
  }

  /** @returns false where another took its place since we looked */
  async #take(name: string, freeAt: number, before: Slot | null): Promise<boolean> {
    const { provider, documents } = this.#options;
    const id = `${provider}-${name}`;
    if (before === null) {
      await documents.put(COLLECTION, id, { version: 1, freeAt }); // two first ones at once: one request too early, once in the life of an account
      return true;
    }
    try {
      await documents.change(COLLECTION, id, { version: before.version + 1, freeAt }, before.version);
      return true;
    } catch (error) {
      if (error instanceof VersionConflict) return false;
      throw error;
    }
  }

  #tooOften(millis: number): ConnectorError {
    const { provider } = this.#options;
    return new ConnectorError(
      'rate-limited',
      `${provider} is asked as often as it allows; the next turn is in ${Math.ceil(millis / 1_000)} s`,
      {
        retryAfterMillis: millis,
      },
    );
  }
}
