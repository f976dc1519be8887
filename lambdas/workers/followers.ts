/**
 * Who follows runs through a gateway that holds the sockets: here is only how far each of them has been told. A connection is told what is
 * new since then, in order, and its place moves on when that was sent; a fault in between tells it some of it twice, with the same `seq`.
 *
 * A gateway answers 410 for a connection that is gone, and also for one that is not there yet, while its $connect is being answered
 * (github.com/aws/aws-sdk, "GoneException" during $connect): one that has just come is tried again before it counts as gone.
 */
import type { Place } from '#operations/follow-run.ts';
import type { RunStore } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import type { JobMessage } from '#surfaces/orchestrator/messages.ts';
import { greet, readMessages, readStatus, STATUS_AGAIN_MILLIS } from './run-channel.ts';

export interface Connection {
  readonly id: string;
  readonly runId: string;
  /** null: it has been told nothing yet, and is to be greeted */
  readonly place: Place | null;
  /** milliseconds since 1970 */
  readonly connectedAt: number;
  readonly toldAt: number;
}

/** A store of connections, and the gateway that holds them. */
export interface Connections {
  add(connection: Connection): Promise<void>;
  /** Gone already is fine. */
  remove(id: string): Promise<void>;
  of(runId: string): Promise<readonly Connection[]>;
  /** Only where it is still there. */
  move(connection: Connection, place: Place, toldAt: number): Promise<void>;
  /** Runs that somebody follows. */
  followedRuns(): Promise<readonly string[]>;
  /** Nobody follows the run any more. */
  unfollow(runId: string): Promise<void>;
  /** False where the connection is gone. */
  send(id: string, text: string): Promise<boolean>;
}

const YOUNG_MILLIS = 10_000;
const YOUNG_TRIES = 8;
const YOUNG_WAIT_MILLIS = 250;
/** A frame of the gateway holds 32 KB: docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html */
const MAX_FRAME_BYTES = 32_000;

export interface FollowersOptions {
  readonly runs: RunStore;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly wait: (millis: number) => Promise<unknown>;
}

export class Followers {
  readonly #options: FollowersOptions;

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  /** Tells everybody who follows the run what is new. */
  async tell(runId: string): Promise<void> {
    const followers = await this.#options.connections.of(runId);
    if (followers.length === 0) await this.#options.connections.unfollow(runId);
    await Promise.all(followers.map((connection) => this.#tellOne(connection)));
  }

  /** Says the status again to those that have heard nothing for 8 minutes: a gateway closes a line that is silent for 10. */
  async repeatStatus(): Promise<void> {
    const { connections, runs, clock } = this.#options;
    for (const runId of await connections.followedRuns()) {
      const followers = await connections.of(runId);
      if (followers.length === 0) await connections.unfollow(runId);
      const silent = followers.filter(({ place, toldAt }) => place !== null && clock.now() - toldAt >= STATUS_AGAIN_MILLIS - 60_000);
      if (silent.length === 0) continue;
      const status = await readStatus({ runs }, runId);
      for (const connection of silent) {
        if (status === null) await connections.remove(connection.id);
        else if (connection.place !== null && (await this.#send(connection, [status])))
          await connections.move(connection, connection.place, clock.now());
      }
    }
  }

  async #tellOne(connection: Connection): Promise<void> {
    const { connections, runs, clock } = this.#options;
    const { runId, place } = connection;
    const view = place === null ? await runs.get(runId) : null;
    const said = place !== null ? await readMessages({ runs }, runId, place) : view && (await greet({ runs }, { view, after: null }));
    if (said === null) return connections.remove(connection.id); // the run was deleted
    if (said.messages.length === 0) return;
    if (await this.#send(connection, said.messages)) await connections.move(connection, said.place, clock.now());
  }

  /** @returns false where the connection is gone; it is forgotten then */
  async #send(connection: Connection, messages: readonly JobMessage[]): Promise<boolean> {
    for (const message of messages) {
      if (await this.#sendOne(connection, toFrame(message))) continue;
      await this.#options.connections.remove(connection.id);
      return false;
    }
    return true;
  }

  async #sendOne({ id, connectedAt }: Connection, text: string): Promise<boolean> {
    const { connections, clock, wait } = this.#options;
    for (let attempt = 1; ; attempt++) {
      if (await connections.send(id, text)) return true;
      if (attempt === YOUNG_TRIES || clock.now() - connectedAt > YOUNG_MILLIS) return false;
      await wait(YOUNG_WAIT_MILLIS);
    }
  }
}

/** A failure may quote more of the log than a frame holds: the last lines that fit stay. */
export function toFrame(message: JobMessage): string {
  const text = JSON.stringify(message);
  if (Buffer.byteLength(text) <= MAX_FRAME_BYTES || message.type !== 'status' || message.data.failure === null) return text;
  const { failure } = message.data;
  const kept = [...failure.evidence];
  let shorter = text;
  while (kept.length > 0 && Buffer.byteLength(shorter) > MAX_FRAME_BYTES) {
    kept.shift();
    shorter = JSON.stringify({ ...message, data: { ...message.data, failure: { ...failure, evidence: kept } } });
  }
  return shorter;
}
