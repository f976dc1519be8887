/**
 * Where the lines of a run lie. Lines are counted from 0 over all attempts; chunk n of an attempt holds exactly its lines
 * 1,000(n-1)+1 .. 1,000n, so a page of a log of any length is a sum and at most two chunks.
 */
import type { RunView } from './run.ts';
import { CHUNK_ROWS } from './run-folder.ts';

export interface AttemptLog {
  readonly attempt: number;
  /** lines of the attempts before it */
  readonly offset: number;
  readonly lines: number;
}

/** Some rows of one chunk. */
export interface ChunkSlice {
  readonly attempt: number;
  readonly chunk: number;
  /** rows of the chunk, from 0 */
  readonly from: number;
  readonly to: number;
  /** lines of the run before row `from` */
  readonly linesBefore: number;
}

/** The lines of each attempt that the plane knows of, in order. */
export function attemptLogs({ run, progress }: RunView): AttemptLog[] {
  const known = run.pastAttempts.map(({ number, logLines }) => ({ attempt: number, lines: logLines }));
  const number = run.attempt?.number;
  if (number !== undefined && progress?.attempt === number && !known.some(({ attempt }) => attempt === number))
    known.push({ attempt: number, lines: progress.counts.logLines });
  let offset = 0;
  return known.map(({ attempt, lines }) => {
    offset += lines;
    return { attempt, offset: offset - lines, lines };
  });
}

export const countLines = (logs: readonly AttemptLog[]): number => logs.reduce((sum, { lines }) => sum + lines, 0);

/** The chunks that hold the lines from `from` up to, not including, `to`. */
export function slicesOf(logs: readonly AttemptLog[], from: number, to: number): ChunkSlice[] {
  const slices: ChunkSlice[] = [];
  for (const { attempt, offset, lines } of logs) {
    const last = Math.min(to - offset, lines);
    for (let line = Math.max(0, from - offset); line < last; ) {
      const chunk = Math.floor(line / CHUNK_ROWS) + 1;
      const begin = (chunk - 1) * CHUNK_ROWS;
      const end = Math.min(last, chunk * CHUNK_ROWS);
      slices.push({ attempt, chunk, from: line - begin, to: end - begin, linesBefore: offset + line });
      line = end;
    }
  }
  return slices;
}
