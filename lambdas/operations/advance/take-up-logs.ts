/** Logs stay where the trainer puts them; the plane keeps how many lines there are, and when each 1,000 of them begin. */
import type { Run } from '#domain/run.ts';
import { CHUNK_ROWS, runFolderKeys } from '#domain/run-folder.ts';
import type { LogChunkStart } from '#ports/following.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder, parseLogRows } from './run-folder-files.ts';

/**
 * Adds the chunks that have begun since. Before the count of lines is recorded, so that after a crash between the two they are added
 * again: whoever counts on a line finds its chunk.
 * @param known lines whose chunks are in the index
 * @param lines lines that are stored
 */
export async function indexLogs(ports: Ports, run: Run, attempt: number, known: number, lines: number): Promise<void> {
  const starts: LogChunkStart[] = [];
  for (let chunk = Math.ceil(known / CHUNK_ROWS) + 1; chunk <= Math.ceil(lines / CHUNK_ROWS); chunk++) {
    const [first] = parseLogRows(await readChunk(ports, run, attempt, chunk), 1);
    if (first) starts.push({ attempt, chunk, firstAt: first.timestamp });
  }
  if (starts.length > 0) await ports.logIndex.add(run.id, starts);
}

/** How many lines a trainer that was lost has stored: at least those that it reported. */
export async function countStoredLines(ports: Ports, run: Run, attempt: number, reported: number): Promise<number> {
  for (let chunk = Math.max(1, Math.ceil(reported / CHUNK_ROWS)); ; chunk++) {
    const rows = parseLogRows(await readChunk(ports, run, attempt, chunk)).length;
    if (rows < CHUNK_ROWS) return Math.max(reported, (chunk - 1) * CHUNK_ROWS + rows);
  }
}

const readChunk = (ports: Ports, run: Run, attempt: number, chunk: number): Promise<string | null> =>
  ports.artifacts.get(inFolder(run, runFolderKeys.logChunk(run.id, attempt, chunk)));
