import type { LogChunkStart, LogIndex } from '#ports/following.ts';

export class MemoryLogIndex implements LogIndex {
  readonly rows = new Map<string, LogChunkStart[]>();

  async add(runId: string, chunks: readonly LogChunkStart[]): Promise<void> {
    const rows = this.rows.get(runId) ?? [];
    const fresh = chunks.filter(({ attempt, chunk }) => !rows.some((row) => row.attempt === attempt && row.chunk === chunk));
    this.rows.set(
      runId,
      [...rows, ...fresh].sort((a, b) => a.attempt - b.attempt || a.chunk - b.chunk),
    );
  }

  async lastBefore(runId: string, time: string): Promise<LogChunkStart | null> {
    return this.rows.get(runId)?.findLast(({ firstAt }) => firstAt < time) ?? null;
  }

  async removeAll(runId: string): Promise<void> {
    this.rows.delete(runId);
  }
}
