/**
 * The bell of the AWS home. Nothing wakes a function that waits, so it rings once a second, and who waits reads the store: 20 reads for an
 * answer that waits 20 s. Whoever follows by WebSocket is told by the stream of the table, and is known here by a mark on the run.
 */
import type { RunBell, RunListener } from '#ports/following.ts';
import type { DynamoTable } from './table/dynamo-table.ts';
import { runKey } from './table/table-keys.ts';

const RING_MILLIS = 1_000;

export interface PollingBellOptions {
  readonly table: Pick<DynamoTable, 'get'>;
  readonly wait: (millis: number) => Promise<unknown>;
}

export class PollingBell implements RunBell {
  readonly #options: PollingBellOptions;

  constructor(options: PollingBellOptions) {
    this.#options = options;
  }

  listen(): RunListener {
    let isOpen = true;
    return {
      next: async (millis) => {
        await this.#options.wait(Math.min(RING_MILLIS, millis));
        return isOpen && millis > RING_MILLIS;
      },
      close: () => {
        isOpen = false;
      },
    };
  }

  async isFollowed(runId: string): Promise<boolean> {
    const item = await this.#options.table.get(runKey(runId), ['followed']);
    return item?.['followed'] !== undefined;
  }
}
