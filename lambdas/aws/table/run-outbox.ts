/**
 * The outbox of runs: each run says how far its events are published (`published`), and is in the sparse index while that is not all. A
 * cursor moves over a prefix without a gap, by one conditional update; who loses it reads where it stands. Nothing is locked, so two
 * consumers at once hand over some events twice and none out of order.
 */
import type { RunEvent } from '#domain/run.ts';
import type { DynamoTable, Item } from './dynamo-table.ts';
import { toEvents } from './run-record.ts';
import { AFTER_EVENTS, eventSort, OUTBOX_SHARDS, outboxPartition, runIdOf, runKey, runPartition, UNPUBLISHED_INDEX } from './table-keys.ts';

/** Runs looked at in one go; the rest comes with the next. */
const RUNS_A_SHARD = 25;

export class RunOutbox {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  /** Of one run, or of those that the index names, which may be late: in order for each. */
  async undelivered(limit: number, runId?: string): Promise<RunEvent[]> {
    const found: RunEvent[] = [];
    for (const id of runId === undefined ? await this.#waitingRuns() : [runId]) {
      if (found.length >= limit) break;
      found.push(...(await this.#unpublishedOf(id, limit - found.length)));
    }
    return found;
  }

  async markDelivered(events: readonly RunEvent[]): Promise<void> {
    const byRun = Map.groupBy(events, ({ runId }) => runId);
    await Promise.all([...byRun].map(([runId, ofRun]) => this.#moveCursor(runId, new Set(ofRun.map(({ sequence }) => sequence)))));
  }

  /** Events above a sequence, ascending. */
  async events(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    if (limit <= 0) return [];
    const items = await this.#table.query(
      {
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': runPartition(runId), ':from': eventSort(after + 1), ':to': AFTER_EVENTS },
      },
      limit,
    );
    return items
      .flatMap(toEvents)
      .filter(({ sequence }) => sequence > after)
      .slice(0, limit);
  }

  /** Takes away what a removed run leaves, once all of it is published. */
  async purge(runId: string): Promise<void> {
    const keys = await this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': runPartition(runId) },
      ProjectionExpression: 'pk, sk',
    });
    const { sk: last } = runKey(runId);
    const all = keys.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) }));
    // The run's own item goes last: while it is there, the index names what is left of a purge that was cut off.
    await this.#table.removeAll(all.filter(({ sk }) => sk !== last));
    await this.#table.removeAll(all.filter(({ sk }) => sk === last));
  }

  async #waitingRuns(): Promise<string[]> {
    const shards = await Promise.all(
      Array.from({ length: OUTBOX_SHARDS }, (_, shard) =>
        this.#table.query(
          {
            IndexName: UNPUBLISHED_INDEX,
            KeyConditionExpression: 'unpublished = :shard',
            ExpressionAttributeValues: { ':shard': outboxPartition(shard) },
          },
          RUNS_A_SHARD,
        ),
      ),
    );
    return shards.flat().map(({ pk }) => runIdOf(String(pk)));
  }

  async #unpublishedOf(runId: string, limit: number): Promise<RunEvent[]> {
    const item = await this.#table.get(runKey(runId), ['version', 'published', 'removed', 'unpublished']);
    if (item === null) return []; // the index is late
    const published = Number(item['published']);
    if (published < Number(item['version'])) return this.events(runId, published, limit);
    if (item['removed'] === true) await this.purge(runId);
    else if (item['unpublished'] !== undefined) await this.#unmark(runId, published);
    return [];
  }

  async #moveCursor(runId: string, delivered: ReadonlySet<number>): Promise<void> {
    let from = Math.min(...delivered) - 1;
    for (;;) {
      const to = endOfPrefix(from, delivered);
      if (to === from) return; // a gap, or all of it was marked before
      const whole = await this.#unmark(runId, from, to);
      if (whole === 'done') return;
      if (whole === null) return; // there is no such run any more
      const published = Number(whole['published']);
      if (published === from) {
        // More events came meanwhile: they stay marked as waiting.
        const { item } = await this.#table.update(runKey(runId), {
          UpdateExpression: 'SET published = :to',
          ConditionExpression: 'published = :from AND version > :to',
          ExpressionAttributeValues: { ':from': from, ':to': to },
        });
        if (item !== null) return;
      } else from = published;
    }
  }

  /** All of its events are published: it leaves the index. @returns what is there where that is not so */
  async #unmark(runId: string, from: number, to = from): Promise<'done' | Item | null> {
    const update = await this.#table.update(runKey(runId), {
      UpdateExpression: 'SET published = :to REMOVE unpublished, unpublishedSince',
      ConditionExpression: 'published = :from AND version = :to',
      ExpressionAttributeValues: { ':from': from, ':to': to },
    });
    const now = update.item ?? update.found;
    if (now === null) return null;
    // The update may meet itself, sent again after its reply was lost: who finds a removed run all published takes away what is left.
    const isWhole = now['published'] === now['version'] && now['unpublished'] === undefined;
    if (now['removed'] === true && isWhole) await this.purge(runId);
    if (update.item === null) return now;
    return 'done';
  }
}

/** The last of the sequences that follow without a gap. */
function endOfPrefix(from: number, delivered: ReadonlySet<number>): number {
  let to = from;
  while (delivered.has(to + 1)) to += 1;
  return to;
}
