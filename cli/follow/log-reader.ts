/** Reads a run's log forward. A line's number is its place in the whole run, over all attempts, so that none is shown twice and none is left out. */
import type { PlaneClient } from '../plane/plane-client.ts';
import { type LogLine, readLogs } from '../plane/runs.ts';

const PAGE = 1_000;

export interface LogRange {
  /** milliseconds since 1970 */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

export interface LogFilter {
  /** lines of at least this level */
  readonly level?: string | undefined;
  /** lines that hold this text */
  readonly text?: string | undefined;
}

export class LogReader {
  readonly #plane: PlaneClient;
  readonly #runId: string;
  readonly #range: LogRange;
  readonly #filter: LogFilter;
  #after = 0;

  constructor(
    plane: PlaneClient,
    runId: string,
    { range = {}, filter = {} }: { readonly range?: LogRange; readonly filter?: LogFilter } = {},
  ) {
    this.#plane = plane;
    this.#runId = runId;
    this.#range = range;
    this.#filter = filter;
  }

  /** number of the last line that was read */
  get position(): number {
    return this.#after;
  }

  /** Leaves out all but the last lines of the range. */
  async skipToTail(lines: number): Promise<void> {
    const { items, total } = await readLogs(this.#plane, this.#runId, { limit: 1, ...this.#times() });
    const first = items[0]?.line;
    if (first !== undefined && total !== null) this.#after = Math.max(first - 1, first - 1 + total - lines);
  }

  /** What there is now and was not read before. */
  async *readNew(): AsyncGenerator<LogLine> {
    const { level, text } = this.#filter;
    const isSearch = level !== undefined || text !== undefined;
    const end = isSearch ? await this.#countLines() : 0;
    let after: number | null = this.#after;
    while (after !== null) {
      const page = await readLogs(this.#plane, this.#runId, { after, limit: PAGE, level, q: text, ...this.#times() });
      for (const line of page.items) {
        this.#after = line.line;
        yield line;
      }
      after = page.next;
    }
    // A search tells of what it found only: what was there when it began was looked at, and is not looked at again.
    this.#after = Math.max(this.#after, end);
  }

  async #countLines(): Promise<number> {
    return (await readLogs(this.#plane, this.#runId, { limit: 1 })).total ?? 0;
  }

  #times(): { start?: string; end?: string } {
    const { since, until } = this.#range;
    return {
      ...(since !== undefined && { start: new Date(since).toISOString() }),
      ...(until !== undefined && { end: new Date(until).toISOString() }),
    };
  }
}
