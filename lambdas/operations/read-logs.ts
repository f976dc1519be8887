/**
 * Pages of a run's log, over all its attempts. Lines are numbered from 1. Along the numbers time never goes back, so a stretch of time
 * is a stretch of lines: its ends are found by one look-up and one chunk each, whatever the length of the log.
 */
import { type AttemptLog, attemptLogs, countLines, slicesOf } from '#domain/log-arithmetic.ts';
import type { Run } from '#domain/run.ts';
import { CHUNK_ROWS, type LogRow, runFolderKeys } from '#domain/run-folder.ts';
import type { LogChunkStart } from '#ports/following.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, parseLogRows } from './advance/run-folder-files.ts';
import { indexLogs } from './advance/take-up-logs.ts';
import { getRun } from './get-run.ts';

/** At least this: `WARNING` is warnings, errors and what is critical. */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  /** over all attempts, from 1 */
  readonly number: number;
  readonly attempt: number;
  readonly timestamp: string;
  readonly level: LogLevel;
  readonly rank: number;
  readonly message: string;
}

/** Half-open: from `start` up to, not including, `end`; milliseconds since 1970. */
export interface TimeRange {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

export interface LogPage {
  readonly items: LogLine[];
  /** lines in the time range, on all pages */
  readonly total: number;
  /** the number of the last line of this page where more follow, else null */
  readonly next: number | null;
}

/**
 * @param place `offset`: so many lines of the range before the page; `after`: the page begins behind the line of this number
 * @param limit 1 to 1,000
 * @throws DomainError `run_not_found`
 */
export async function readLogs(
  ports: Ports,
  runId: string,
  {
    place,
    limit,
    range = {},
  }: { readonly place: { readonly offset: number } | { readonly after: number }; readonly limit: number; readonly range?: TimeRange },
): Promise<LogPage> {
  const log = await openLog(ports, runId);
  const [from, to] = await log.linesIn(range);
  const begin = 'offset' in place ? from + place.offset : Math.max(from, place.after);
  const end = Math.min(begin + limit, to);
  return { items: await log.read(begin, end), total: Math.max(0, to - from), next: end < to ? end : null };
}

/** So many chunks are searched for one answer: 20,000 lines. */
const SEARCHED_CHUNKS = 20;

/**
 * The lines that hold a text, or have at least a level. It looks at no more than 20,000 lines, so a page may be short, even empty,
 * with more behind it: `next` says where to go on.
 * @param after the number of a line; behind it
 * @throws DomainError `run_not_found`
 */
export async function searchLogs(
  ports: Ports,
  runId: string,
  {
    after,
    limit,
    range = {},
    level = 'DEBUG',
    text = '',
  }: {
    readonly after: number;
    readonly limit: number;
    readonly range?: TimeRange;
    readonly level?: LogLevel | undefined;
    readonly text?: string | undefined;
  },
): Promise<Omit<LogPage, 'total'>> {
  const log = await openLog(ports, runId);
  const [from, to] = await log.linesIn(range);
  const wanted = text.toLowerCase();
  const least = LOG_LEVELS.indexOf(level);
  const matches = (line: LogLine): boolean => LOG_LEVELS.indexOf(line.level) >= least && line.message.toLowerCase().includes(wanted);

  const items: LogLine[] = [];
  let line = Math.max(from, after);
  for (let chunks = 0; chunks < SEARCHED_CHUNKS && line < to; chunks++) {
    const end = Math.min(line + CHUNK_ROWS, to);
    items.push(...(await log.read(line, end)).filter(matches));
    const last = items[limit - 1];
    if (last) return { items: items.slice(0, limit), next: last.number < to ? last.number : null };
    line = end;
  }
  return { items, next: line < to ? line : null };
}

interface OpenLog {
  /** the lines of a stretch of time, as numbers from 0: from the first up to, not including, the second */
  linesIn(range: TimeRange): Promise<readonly [number, number]>;
  read(from: number, to: number): Promise<LogLine[]>;
}

async function openLog(ports: Ports, runId: string): Promise<OpenLog> {
  const view = await getRun(ports, runId);
  const logs = attemptLogs(view);
  const chunks = new Map<string, Promise<(LogRow | null)[]>>();

  /** Each chunk is read once, however often the answer needs it. */
  function rowsOf(attempt: number, chunk: number): Promise<(LogRow | null)[]> {
    const key = runFolderKeys.logChunk(runId, attempt, chunk);
    const rows = chunks.get(key) ?? readChunk(ports, view.run, key);
    chunks.set(key, rows);
    return rows;
  }

  /** Nothing begins before that moment, says the index. Where the first line does, an older plane kept none, and it is made now, once. */
  async function findUnindexed(time: string): Promise<LogChunkStart | null> {
    const begin = logs.find(({ lines }) => lines > 0);
    const first = begin && (await rowsOf(begin.attempt, 1))[0];
    if (!first || first.timestamp >= time) return null;
    for (const { attempt, lines } of logs) await indexLogs(ports, view.run, attempt, 0, lines);
    return ports.logIndex.lastBefore(runId, time);
  }

  async function linesBefore(millis: number): Promise<number> {
    const time = new Date(millis).toISOString();
    const found = (await ports.logIndex.lastBefore(runId, time)) ?? (await findUnindexed(time));
    const log = found && logs.find(({ attempt }) => attempt === found.attempt);
    if (!found || !log) return 0;
    const begin = (found.chunk - 1) * CHUNK_ROWS;
    if (begin >= log.lines) return log.offset + log.lines; // the index knows of lines that the record does not count yet
    const earlier = (await rowsOf(found.attempt, found.chunk)).filter((row) => row === null || row.timestamp < time).length;
    return log.offset + Math.min(begin + earlier, log.lines);
  }

  return {
    linesIn: async ({ start, end }) => [
      start === undefined ? 0 : await linesBefore(start),
      end === undefined ? countLines(logs) : await linesBefore(end),
    ],
    read: (from, to) => readLines(logs, rowsOf, from, to),
  };
}

async function readLines(
  logs: readonly AttemptLog[],
  rowsOf: (attempt: number, chunk: number) => Promise<(LogRow | null)[]>,
  from: number,
  to: number,
): Promise<LogLine[]> {
  const lines = await Promise.all(
    slicesOf(logs, from, to).map(async (slice) =>
      (await rowsOf(slice.attempt, slice.chunk))
        .slice(slice.from, slice.to)
        .map((row, index) => toLine(row, slice.attempt, slice.linesBefore + index + 1)),
    ),
  );
  return lines.flat().filter((line) => line !== null);
}

/** A line that cannot be read keeps its number and is left out. */
const toLine = (row: LogRow | null, attempt: number, number: number): LogLine | null =>
  row && { number, attempt, timestamp: row.timestamp, level: row.level, rank: row.rank, message: row.message };

const readChunk = async (ports: Ports, run: Run, key: string): Promise<(LogRow | null)[]> =>
  parseLogRows(await ports.artifacts.get(inFolder(run, key)));
