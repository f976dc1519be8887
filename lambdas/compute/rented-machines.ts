/** What is known of the machines themselves, by ledger and list together: which carry an attempt's label, how they end, what they cost. */

import { labelPrefix, readLabel } from '#domain/machine-label.ts';
import { describeOffer } from '#domain/offers.ts';
import type { ComputeHandle } from '#domain/run.ts';
import type { Bill, Rental, RentedMachine } from '#ports/rental.ts';
import type { Clock } from '#ports/workflow.ts';
import type { Connector, MachinePhase, SeenMachine } from './connector.ts';
import { costOf, type LedgerRecord, type MachineLedger } from './machine-ledger.ts';
import type { MachineList } from './machine-list.ts';

/** A request without an answer is looked for this long. */
const LOST_MILLIS = 24 * 3_600_000;
/** Books that say nothing are asked again, and after a week what the plane saw counts. */
const BOOKS_AGAIN_MILLIS = 3_600_000;
const BOOKS_LIMIT_MILLIS = 7 * 24 * 3_600_000;
/** A sweep has a minute, and a provider's pace is a second. */
const MAX_BOOKS_ASKED = 20;
const LAST_LINES = 15;
const MAY_TRAIN: ReadonlySet<MachinePhase> = new Set(['creating', 'initializing', 'running', 'unreachable']);

export interface RentedMachinesOptions {
  readonly connector: Connector;
  readonly ledger: MachineLedger;
  readonly list: MachineList;
  readonly clock: Clock;
  readonly planeId: string;
}

export class RentedMachines implements Rental {
  readonly provider: string;
  readonly #options: RentedMachinesOptions;

  constructor(options: RentedMachinesOptions) {
    this.#options = options;
    this.provider = options.connector.provider;
  }

  check(): Promise<string> {
    return this.#options.connector.check();
  }

  async owned(): Promise<readonly RentedMachine[]> {
    const { connector, planeId, list } = this.#options;
    return (await list.now()).flatMap(({ id, label }) => {
      const known = readLabel(planeId, label);
      return known === null ? [] : [{ provider: connector.provider, id, label, tag: known.tag, askedAt: known.askedAt }];
    });
  }

  async handleOf({ tag, label, id }: RentedMachine): Promise<ComputeHandle> {
    // One whose request got no answer has no id in the ledger yet.
    return this.toHandle(await this.#options.ledger.live(await this.#recordOf(tag, label, id), id));
  }

  async end({ tag, label, id }: RentedMachine): Promise<void> {
    await this.#end(await this.#recordOf(tag, label, id), id);
  }

  async settle(): Promise<readonly string[]> {
    const { connector, ledger, list, clock } = this.#options;
    const open = await ledger.open();
    if (open.length === 0) return [];
    const now = clock.now();
    const listed = new Set((await list.recent()).map(({ id }) => id));
    const changed = new Set<string>();
    let asked = 0;
    for (const record of open) {
      if (record.state === 'asked' && now - record.askedAt > LOST_MILLIS) await ledger.never(record);
      if (record.state === 'live' && !listed.has(record.machineId ?? '') && (await this.#isGone(record))) changed.add(record.tag);
      if (record.state !== 'ended' || record.machineId === null || record.endedAt === null) continue;
      if (now - record.endedAt < connector.capabilities.booksMillis || now - (record.askedBooksAt ?? 0) < BOOKS_AGAIN_MILLIS) continue;
      if (asked++ >= MAX_BOOKS_ASKED) break;
      const books = await connector.billed({
        id: record.machineId,
        askedAt: record.askedAt,
        endedAt: record.endedAt,
        usdPerHour: record.usdPerHour,
      });
      if (books === null && now - record.endedAt < BOOKS_LIMIT_MILLIS) {
        await ledger.askedBooks(record);
        continue;
      }
      await ledger.settled(record, books);
      changed.add(record.tag);
    }
    return [...changed];
  }

  async bill(tag: string): Promise<Bill> {
    const records = (await this.#options.ledger.of(tag)).filter(({ state }) => state !== 'never' && state !== 'asked');
    const now = this.#options.clock.now();
    const costs = records.map((record) => ({ ...costOf(record, now), gpus: record.gpus }));
    return {
      machines: records.length,
      seconds: costs.reduce((sum, { seconds }) => sum + seconds, 0),
      gpuSeconds: costs.reduce((sum, { seconds, gpus }) => sum + seconds * gpus, 0),
      usd: costs.reduce((sum, { usd }) => sum + usd, 0),
      isFinal: records.every(({ state }) => state === 'settled'),
    };
  }

  async lastWords(handle: ComputeHandle): Promise<readonly string[]> {
    return this.#options.connector.logs(String(handle['machine']), LAST_LINES);
  }

  /** The machines of an attempt that can still train, by a list of this moment, the one asked for first at the front. */
  async carrying(tag: string): Promise<readonly { readonly machine: SeenMachine; readonly handle: ComputeHandle }[]> {
    const { list, planeId } = this.#options;
    const prefix = labelPrefix(planeId, tag);
    const found = (await list.now())
      .filter(({ label, phase }) => label.startsWith(prefix) && MAY_TRAIN.has(phase))
      .sort((a, b) => (a.label < b.label ? -1 : 1));
    return Promise.all(found.map(async (machine) => ({ machine, handle: this.toHandle(await this.note(tag, machine)) })));
  }

  /** Takes up what a look at a machine says of its cost. */
  async note(tag: string, { id, label, billedFrom, usdPerHour }: SeenMachine): Promise<LedgerRecord> {
    const record = await this.#recordOf(tag, label, id);
    return this.#options.ledger.live(record, id, { billedFrom, usdPerHour });
  }

  /** Ends every machine of an attempt, spares included. @returns the ids of those that are not gone yet */
  async endAll(tag: string, handle: ComputeHandle | null): Promise<string[]> {
    const { ledger, list, planeId } = this.#options;
    const prefix = labelPrefix(planeId, tag);
    const listed = (await list.now()).filter(({ label }) => label.startsWith(prefix));
    for (const machine of listed) await this.note(tag, machine);
    const open = (await ledger.of(tag)).filter(({ state, machineId }) => state === 'live' && machineId !== null);
    const known = new Set(open.map(({ machineId }) => machineId));
    if (handle !== null && !known.has(String(handle['machine']))) {
      const label = String(handle['label']);
      const record = (await ledger.of(tag)).find((one) => one.label === label);
      if (record === undefined) open.push(await this.#recordOf(tag, label, String(handle['machine'])));
    }
    const left: string[] = [];
    for (const record of open) if (record.machineId !== null && !(await this.#end(record, record.machineId))) left.push(record.machineId);
    return left;
  }

  /** A refused request that left a machine behind. */
  async endLeftover(record: LedgerRecord, id: string): Promise<void> {
    await this.#end(await this.#options.ledger.live(record, id), id);
  }

  toHandle(record: LedgerRecord): ComputeHandle {
    const { label, machineId, gpuType, gpus, region, usdPerHour, spot, billedFrom, askedAt } = record;
    return {
      machine: machineId ?? '',
      label,
      place: describeOffer({ gpuType, gpus, region, usdPerHour, spot }),
      gpuCount: gpus,
      usdPerHour,
      launchedAt: billedFrom ?? askedAt,
    };
  }

  /** @returns whether it is gone. That it was there is written down first: the provider may have forgotten it at the next look */
  async #end(record: LedgerRecord, id: string): Promise<boolean> {
    const { connector, ledger } = this.#options;
    const live = await ledger.live(record, id);
    await connector.terminate(id);
    if ((await connector.find(id)) !== null) return false;
    await ledger.ended(live);
    return true;
  }

  /** What ended without us, a spare that was asked to end among it. */
  async #isGone(record: LedgerRecord): Promise<boolean> {
    const { connector, ledger } = this.#options;
    if (record.machineId === null || (await connector.find(record.machineId)) !== null) return false;
    await ledger.ended(record);
    return true;
  }

  /** A machine that carries a label of ours and has no record is not believed to be free. */
  async #recordOf(tag: string, label: string, id: string): Promise<LedgerRecord> {
    const { ledger, planeId, clock } = this.#options;
    const record = (await ledger.of(tag)).find((one) => one.label === label);
    if (record) return record;
    const askedAt = readLabel(planeId, label)?.askedAt ?? clock.now();
    const unknown = { offerKey: '', host: null, gpuType: 'unknown GPU', gpus: 0, region: 'unknown', spot: false, usdPerHour: 0 };
    return ledger.live(await ledger.asked({ label, tag, askedAt, ...unknown }), id);
  }
}
