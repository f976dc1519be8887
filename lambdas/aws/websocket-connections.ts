/**
 * WebSockets that API Gateway holds. A connection is two items, by its run and by itself, and a mark on the run: while somebody follows,
 * every change of the run wakes the stream's consumer, and its trainer reports more often. The mark is another text with each connection,
 * so that whoever takes it away, because the last follower has gone, does not take that of one who has just come.
 */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { Place } from '#operations/follow-run.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Connection, Connections } from '#workers/followers.ts';
import { FOLLOWED } from './stream-records.ts';
import type { DynamoTable, Item } from './table/dynamo-table.ts';
import { connectionKey, connectionsPartition, FOLLOWED_PARTITION, runKey } from './table/table-keys.ts';

/** API Gateway closes a connection after two hours; what it never told us of goes an hour later. */
const KEPT_SECONDS = 3 * 3_600;

const itemSchema = z.object({
  sk: z.string(),
  runId: z.string(),
  place: z
    .object({ sequence: z.int(), report: z.object({ attempt: z.int(), workSequence: z.int() }).nullable() })
    .nullable()
    .default(null),
  connectedAt: z.int(),
  toldAt: z.int(),
});

/** Whoever holds the sockets. */
export interface SocketGateway {
  /** False where the connection is gone. */
  send(id: string, text: string): Promise<boolean>;
}

export interface WebSocketConnectionsOptions {
  readonly table: DynamoTable;
  readonly gateway: () => Promise<SocketGateway>;
}

export class WebSocketConnections implements Connections {
  readonly #table: DynamoTable;
  readonly #gateway: () => Promise<SocketGateway>;

  constructor({ table, gateway }: WebSocketConnectionsOptions) {
    this.#table = table;
    this.#gateway = gateway;
  }

  /** @throws VersionConflict where the run is gone */
  async add({ id, runId, place, connectedAt, toldAt }: Connection): Promise<void> {
    const expiresAtSeconds = Math.ceil(connectedAt / 1_000) + KEPT_SECONDS;
    const mark = `${FOLLOWED} ${randomUUID()}`;
    await this.#table.transact([
      { item: { Put: { Item: { pk: connectionsPartition(runId), sk: id, runId, place, connectedAt, toldAt, expiresAtSeconds } } } },
      { item: { Put: { Item: { ...connectionKey(id), runId, expiresAtSeconds } } } },
      { item: { Put: { Item: { pk: FOLLOWED_PARTITION, sk: runId, followed: mark } } } },
      {
        item: {
          Update: {
            Key: runKey(runId),
            UpdateExpression: 'SET followed = :mark',
            ConditionExpression: 'attribute_exists(#record)',
            ExpressionAttributeNames: { '#record': 'record' },
            ExpressionAttributeValues: { ':mark': mark },
          },
        },
        refused: () => new VersionConflict(runId),
      },
    ]);
  }

  async remove(id: string): Promise<void> {
    const item = await this.#table.remove(connectionKey(id));
    if (item !== null) await this.#table.remove({ pk: connectionsPartition(String(item['runId'])), sk: id });
  }

  async of(runId: string): Promise<Connection[]> {
    const items = await this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': connectionsPartition(runId) },
    });
    return items.map(toConnection);
  }

  async move({ id, runId }: Connection, place: Place, toldAt: number): Promise<void> {
    await this.#table.update(
      { pk: connectionsPartition(runId), sk: id },
      {
        UpdateExpression: 'SET place = :place, toldAt = :now',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':place': place, ':now': toldAt },
      },
    );
  }

  async followedRuns(): Promise<string[]> {
    const items = await this.#table.query({ KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': FOLLOWED_PARTITION } });
    return items.map(({ sk }) => String(sk));
  }

  async unfollow(runId: string): Promise<void> {
    const key = { pk: FOLLOWED_PARTITION, sk: runId };
    const mark = (await this.#table.get(key))?.['followed'];
    if (mark === undefined || (await this.of(runId)).length > 0) return;
    const condition = { ConditionExpression: 'followed = :mark', ExpressionAttributeValues: { ':mark': mark } };
    await this.#table.update(runKey(runId), { UpdateExpression: 'REMOVE followed', ...condition });
    await this.#table.remove(key, condition);
  }

  async send(id: string, text: string): Promise<boolean> {
    return (await this.#gateway()).send(id, text);
  }
}

function toConnection(item: Item): Connection {
  const { sk, ...rest } = itemSchema.parse(item);
  return { id: sk, ...rest };
}
