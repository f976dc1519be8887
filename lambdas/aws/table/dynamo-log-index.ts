/** Where each 1,000 lines of a run's log begin in time: items of the run's own partition, in the order of time, then attempt and chunk. */
import type { LogChunkStart, LogIndex } from '#ports/following.ts';
import type { DynamoTable } from './dynamo-table.ts';
import { LOG_PREFIX, logSort, runPartition } from './table-keys.ts';

export class DynamoLogIndex implements LogIndex {
  readonly #table: DynamoTable;

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async add(runId: string, chunks: readonly LogChunkStart[]): Promise<void> {
    const pk = runPartition(runId);
    await this.#table.putAll(
      chunks.map(({ attempt, chunk, firstAt }) => ({ pk, sk: logSort(firstAt, attempt, chunk), attempt, chunk, firstAt })),
    );
  }

  async lastBefore(runId: string, time: string): Promise<LogChunkStart | null> {
    const [item] = await this.#table.query(
      {
        // Every key of this time and later ones sorts after the bare time.
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :time',
        ExpressionAttributeValues: { ':pk': runPartition(runId), ':first': LOG_PREFIX, ':time': LOG_PREFIX + time },
        ScanIndexForward: false,
      },
      1,
    );
    return item ? { attempt: Number(item['attempt']), chunk: Number(item['chunk']), firstAt: String(item['firstAt']) } : null;
  }

  async removeAll(runId: string): Promise<void> {
    const items = await this.#table.query({
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :log)',
      ExpressionAttributeValues: { ':pk': runPartition(runId), ':log': LOG_PREFIX },
      ProjectionExpression: 'pk, sk',
    });
    await this.#table.removeAll(items.map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) })));
  }
}
