/** `logs`: once through, or on to the end of the run. */
import type { PlaneClient } from '../plane/plane-client.ts';
import { getRun, type LogLine } from '../plane/runs.ts';
import type { Session } from '../session.ts';
import { describeLine } from './attach.ts';
import { followRun } from './follow-run.ts';
import { LogReader } from './log-reader.ts';

interface LogOptions {
  readonly follow?: true | undefined;
  readonly tail?: number | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly level?: string | undefined;
  readonly search?: string | undefined;
  readonly timestamps?: true | undefined;
}

/** @throws Interrupted at Ctrl-C */
export async function printLogs(session: Session, plane: PlaneClient, id: string, options: LogOptions): Promise<void> {
  const { follow, tail, since, until, level, search, timestamps } = options;
  const log = new LogReader(plane, id, { range: { since, until }, filter: { level, text: search } });
  const show = (line: LogLine): void => session.printLine('logs', line, (colors) => describeLine(line, colors, timestamps));
  if (tail !== undefined) await log.skipToTail(tail);
  if (follow) {
    const { version } = await getRun(plane, id);
    await followRun(plane, id, { log, eventsAfter: version }, { onLine: show });
    return;
  }
  for await (const line of log.readNew()) show(line);
}
