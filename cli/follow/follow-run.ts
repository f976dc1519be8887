/**
 * Follows a run to its end: its timeline by server-sent events, its log by line numbers, its progress by looking. Each of the three knows how far it got,
 * so that a plane that is started again in the middle costs nothing but time: no event and no line is lost, and none comes twice.
 *
 *   events   wait for the next (20 s at most, the plane's side), from the last sequence on
 *   look     every second, and at once after an event: progress, then the lines that are new
 *   the end  the run is final, the timeline says that no more will come, and the log is read to its end
 */
import { isFinal } from '#domain/run-lifecycle.ts';
import { Interrupted } from '../exit-code.ts';
import { nextEvents } from '../plane/event-stream.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { getRun, type LogLine, type RunDetail, type RunEvent } from '../plane/runs.ts';
import type { LogReader } from './log-reader.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

const LOOK_MILLIS = 1_000;

export interface Watcher {
  onRun?(run: RunDetail): void;
  onLine?(line: LogLine): void;
  onEvent?(event: RunEvent): void;
}

export interface FollowOptions {
  /** null: the log is not read */
  readonly log: LogReader | null;
  /** events above this sequence */
  readonly eventsAfter: number;
}

/** @returns the run as it ended. @throws Interrupted at Ctrl-C; PlaneRefusal where the run is deleted meanwhile */
export async function followRun(plane: PlaneClient, id: string, options: FollowOptions, watcher: Watcher): Promise<RunDetail> {
  plane.patienceMillis = Number.POSITIVE_INFINITY; // the run goes on without a plane, and so does who follows it
  const sleep = new WakeableSleep(plane.interrupted);
  const ended = new AbortController();
  const timeline = followEvents(plane, id, options.eventsAfter, ended.signal, (event) => {
    watcher.onEvent?.(event);
    sleep.wake();
  });
  try {
    const [run] = await Promise.all([look(plane, id, options.log, watcher, sleep), timeline]);
    return run;
  } finally {
    ended.abort();
    sleep.wake();
  }
}

async function followEvents(
  plane: PlaneClient,
  id: string,
  eventsAfter: number,
  ended: AbortSignal,
  onEvent: (event: RunEvent) => void,
): Promise<void> {
  let after = eventsAfter;
  while (!ended.aborted) {
    const events = await nextEvents(plane, id, after);
    if (events === null) return;
    for (const event of events) {
      after = event.sequence;
      onEvent(event);
    }
  }
}

async function look(plane: PlaneClient, id: string, log: LogReader | null, watcher: Watcher, sleep: WakeableSleep): Promise<RunDetail> {
  for (;;) {
    const run = await getRun(plane, id);
    const isOver = isFinal(run.state);
    if (!isOver) watcher.onRun?.(run);
    // What the record counts is there to be read; once it is final it counts everything.
    if (log && (isOver || countLines(run) > log.position)) for await (const line of log.readNew()) watcher.onLine?.(line);
    if (isOver) return run;
    if (plane.interrupted.aborted) throw new Interrupted();
    await sleep.for(LOOK_MILLIS);
  }
}

const countLines = ({ attempts }: RunDetail): number => attempts.reduce((sum, { log_lines }) => sum + log_lines, 0);
