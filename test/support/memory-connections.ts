import type { Place } from '#operations/follow-run.ts';
import type { Connection, Connections } from '#workers/followers.ts';

/** Connections in memory; the test says which sockets the gateway holds. */
export class MemoryConnections implements Connections {
  readonly held = new Map<string, string[]>();
  readonly known = new Map<string, Connection>();
  readonly unfollowed: string[] = [];
  onSend: (id: string) => boolean = () => true;

  async add(connection: Connection): Promise<void> {
    this.known.set(connection.id, connection);
  }

  async remove(id: string): Promise<void> {
    this.known.delete(id);
  }

  async of(runId: string): Promise<readonly Connection[]> {
    return [...this.known.values()].filter((connection) => connection.runId === runId);
  }

  async move(connection: Connection, place: Place, toldAt: number): Promise<void> {
    if (this.known.has(connection.id)) this.known.set(connection.id, { ...connection, place, toldAt });
  }

  async followedRuns(): Promise<readonly string[]> {
    return [...new Set([...this.known.values()].map(({ runId }) => runId))];
  }

  async unfollow(runId: string): Promise<void> {
    this.unfollowed.push(runId);
  }

  async send(id: string, text: string): Promise<boolean> {
    const socket = this.held.get(id);
    if (socket === undefined || !this.onSend(id)) return false;
    socket.push(text);
    return true;
  }
}
