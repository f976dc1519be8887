/**
 * The lines of a run's log that somebody looks at, in pages of 500. A page that was full stays as it is; the last one is asked for what came
 * since. Pages that nobody looked at for long are forgotten, so a log of a million lines takes the memory of 20,000.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import { ask } from '../../plane/ask.ts';
import type { LogLine, RunLogs } from '../../plane/wire.ts';

const PAGE = 500;
const MOST_PAGES = 40;

export interface LogStore {
  /** moves when lines came */
  readonly revision: ReadonlySignal<number>;
  readonly problem: ReadonlySignal<Error | null>;
  /** @param number from 1. Undefined: not there yet, or it could not be read */
  readonly line: (number: number) => LogLine | undefined;
  /** Fetches what is missing of these lines. @param total how many there are in all */
  readonly need: (from: number, to: number, total: number) => void;
  readonly stop: () => void;
}

interface Page {
  readonly lines: Map<number, LogLine>;
  /** the number of the last line that was asked for */
  through: number;
  /** the last line that is known to be there */
  wanted: number;
  isAsking: boolean;
}

export function openLog(runId: string): LogStore {
  const revision = signal(0);
  const problem = signal<Error | null>(null);
  const pages = new Map<number, Page>();
  const controller = new AbortController();

  const fetchPage = async (index: number, page: Page): Promise<void> => {
    page.isAsking = true;
    try {
      for (let isMore = true; isMore; ) {
        const before = page.through;
        const path = `/runs/${encodeURIComponent(runId)}/logs?after=${before}&limit=${(index + 1) * PAGE - before}`;
        const { items, next } = await ask<RunLogs>(path, controller.signal);
        for (const line of items) page.lines.set(line.line, line);
        page.through = next ?? Math.max(before, items.at(-1)?.line ?? 0);
        isMore = page.through > before && page.through < page.wanted; // it grew while it was asked for
        problem.value = null;
        revision.value++;
      }
    } catch (error) {
      if (controller.signal.aborted) return;
      problem.value = error instanceof Error ? error : new Error(String(error));
    } finally {
      page.isAsking = false;
    }
  };

  return {
    revision,
    problem,
    line: (number) => pages.get(Math.floor((number - 1) / PAGE))?.lines.get(number),
    need: (from, to, total) => {
      for (let index = Math.floor(Math.max(0, from - 1) / PAGE); index * PAGE < Math.min(to, total); index++) {
        const page = pages.get(index) ?? { lines: new Map(), through: index * PAGE, wanted: 0, isAsking: false };
        page.wanted = Math.min((index + 1) * PAGE, total);
        pages.delete(index); // the newest looked at is the last to be forgotten
        pages.set(index, page);
        if (!page.isAsking && page.through < page.wanted) void fetchPage(index, page);
      }
      for (const index of pages.keys()) {
        if (pages.size <= MOST_PAGES) break;
        pages.delete(index);
      }
    },
    stop: () => controller.abort(),
  };
}
