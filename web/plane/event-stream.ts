/**
 * A run's timeline as it grows. The plane's server-sent events are finite answers, and an EventSource cannot send a token, so each is a plain
 * request that waits: with the sequence seen last, so that every event comes once, in order, also over a restart of the plane.
 */
import { readText, send } from './ask.ts';
import { type Asking, keepAsking } from './keep-asking.ts';
import type { RunEvent } from './wire.ts';

const PAGE = 500;

/** @param onEvents new ones, ascending. Ends by itself when a final run has no more. */
export function followEvents(
  runId: string,
  onEvents: (events: readonly RunEvent[]) => void,
  onProblem: (problem: Error | null) => void,
): Asking {
  let seen = 0;
  return keepAsking(async (abort) => {
    const response = await send(`/runs/${encodeURIComponent(runId)}/events?after=${seen}&limit=${PAGE}`, {
      headers: { accept: 'text/event-stream' },
      signal: abort,
    });
    if (response.status === 204) return null;
    if (!response.ok) throw new Error(`the timeline cannot be read: ${response.status}`);
    const events = readEventStream(await readText(response));
    if (events.length > 0) {
      seen = events.at(-1)?.sequence ?? seen;
      onEvents(events);
    }
    return 0;
  }, onProblem);
}

/** The `data` of each event of a stream that is there in full. Source: HTML Living Standard, 9.2.6. */
export function readEventStream(text: string): RunEvent[] {
  return text
    .split('\n\n')
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length))
        .join('\n'),
    )
    .filter((data) => data !== '')
    .map((data) => JSON.parse(data) as RunEvent);
}
