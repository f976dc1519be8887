/** Lines that hold a text or have a level. The plane looks at 20,000 lines an answer, so a long log is searched in several, said aloud. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { ask } from '../../plane/ask.ts';
import type { LogLine, RunLogs } from '../../plane/wire.ts';

export interface LogQuery {
  readonly text: string;
  /** lines of at least this level; empty: all */
  readonly level: string;
}

export interface LogSearch {
  readonly hits: ReadonlySignal<readonly LogLine[]>;
  /** the last line that was looked at */
  readonly through: ReadonlySignal<number>;
  readonly isSearching: ReadonlySignal<boolean>;
  readonly problem: ReadonlySignal<Error | null>;
  /** Goes on behind the last line that was looked at. */
  readonly goOn: (total: number) => void;
  readonly stop: () => void;
}

export const MOST_HITS = 5_000;
const PAGE = 1_000;
/** Who types the next letter meanwhile wants another search. */
const TYPING_MILLIS = 200;

export function searchLog(runId: string, { text, level }: LogQuery): LogSearch {
  const hits = signal<readonly LogLine[]>([]);
  const through = signal(0);
  const isSearching = signal(false);
  const problem = signal<Error | null>(null);
  const controller = new AbortController();

  const search = async (total: number): Promise<void> => {
    isSearching.value = true;
    try {
      if (through.peek() === 0) await new Promise((resolve) => setTimeout(resolve, TYPING_MILLIS));
      while (!controller.signal.aborted && through.peek() < total && hits.peek().length < MOST_HITS) {
        const { items, next } = await ask<RunLogs>(searchPath(runId, { text, level }, through.peek(), PAGE), controller.signal);
        if (items.length > 0) hits.value = [...hits.peek(), ...items];
        through.value = next ?? total;
      }
    } catch (error) {
      if (!controller.signal.aborted) problem.value = error instanceof Error ? error : new Error(String(error));
    } finally {
      isSearching.value = false;
    }
  };

  return {
    hits,
    through,
    isSearching,
    problem,
    goOn: (total) => {
      if (!isSearching.peek() && through.peek() < total && !controller.signal.aborted) void search(total);
    },
    stop: () => controller.abort(),
  };
}

/** The number of the first line that is an error or worse; null where there is none. */
export async function findFirstError(runId: string): Promise<number | null> {
  for (let after: number | null = 0; after !== null; ) {
    const page: RunLogs = await ask<RunLogs>(searchPath(runId, { text: '', level: 'ERROR' }, after, 1));
    const [first] = page.items;
    if (first) return first.line;
    after = page.next;
  }
  return null;
}

function searchPath(runId: string, { text, level }: LogQuery, after: number, limit: number): string {
  const query = new URLSearchParams({ after: String(after), limit: String(limit) });
  if (text !== '') query.set('q', text);
  if (level !== '') query.set('level', level);
  return `/runs/${encodeURIComponent(runId)}/logs?${query}`;
}
