/**
 * All machines of the account that are this plane's, read once for everybody: a hundred runs that look at their machines every few seconds
 * are one request in ten seconds. The list lies in the document store, so that many processes share it.
 */
import * as z from 'zod';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { type Connector, MACHINE_PHASES, type SeenMachine } from './connector.ts';

const COLLECTION = 'machine-lists';
const FRESH_MILLIS = 10_000;
/** Whoever began to read it has so long; others use the list before. */
const READING_MILLIS = 60_000;
/** Older than this a list is no use, whoever reads the next one. */
const STALE_MILLIS = 60_000;

const listSchema = z.object({
  version: z.int(),
  takenAt: z.number(),
  readingUntil: z.number(),
  machines: z.array(
    z.object({
      id: z.string(),
      label: z.string(),
      phase: z.enum(MACHINE_PHASES),
      status: z.string(),
      detail: z.string().nullable(),
      billedFrom: z.number().nullable(),
      usdPerHour: z.number().nullable(),
    }),
  ),
});
type StoredList = z.infer<typeof listSchema>;

export interface MachineListOptions {
  readonly connector: Connector;
  readonly documents: DocumentStore;
  readonly clock: Clock;
  /** what the labels of this plane begin with */
  readonly prefix: string;
}

export class MachineList {
  readonly #options: MachineListOptions;

  constructor(options: MachineListOptions) {
    this.#options = options;
  }

  /** At most some seconds old. @throws ConnectorError */
  async recent(): Promise<readonly SeenMachine[]> {
    const { connector, documents, clock } = this.#options;
    const stored = await documents.get(COLLECTION, connector.provider);
    if (stored === null) return this.now();
    const list = listSchema.parse(stored);
    const age = clock.now() - list.takenAt;
    if (age <= FRESH_MILLIS) return list.machines;
    if (list.readingUntil > clock.now() && age <= STALE_MILLIS) return list.machines;
    const isOurs = await this.#change({ ...list, version: list.version + 1, readingUntil: clock.now() + READING_MILLIS });
    return isOurs || age > STALE_MILLIS ? this.now() : list.machines;
  }

  /** As the provider says it at this moment. @throws ConnectorError */
  async now(): Promise<readonly SeenMachine[]> {
    const { connector, documents, clock, prefix } = this.#options;
    const takenAt = clock.now();
    const machines = (await connector.list(prefix)).map((machine) => ({ ...machine }));
    const stored = await documents.get(COLLECTION, connector.provider);
    const version = stored === null ? 0 : listSchema.parse(stored).version + 1;
    const list: StoredList = { version, takenAt, readingUntil: 0, machines };
    if (stored === null) await documents.put(COLLECTION, connector.provider, list);
    else await this.#change(list); // another list came between: it is as new
    return machines;
  }

  async #change(list: StoredList): Promise<boolean> {
    const { connector, documents } = this.#options;
    try {
      await documents.change(COLLECTION, connector.provider, list, list.version - 1);
      return true;
    } catch (error) {
      if (error instanceof VersionConflict) return false;
      throw error;
    }
  }
}
