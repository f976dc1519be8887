/**
 * A run's timeline as it grows, by sequence: every event comes once, in order, also over a restart of the plane. Where a doorbell rings it is
 * asked when that rings. Else by the plane's server-sent events: those are finite answers, and an EventSource cannot send a token, so each is
 * a plain request that waits.
 */
import { ask, readText, send } from './ask.ts';
import { type Asking, keepAsking } from './keep-asking.ts';
import type { RunEvent, RunEventList } from './wire.ts';

const PAGE = 500;
/** A doorbell may be deaf. */
const ON_THE_CHANCE_MILLIS = 20_000;

/**
 * @param hasBell whether somebody calls `hurry` when there is news
 * @param onEvents new ones, ascending. Ends by itself when a final run has no more.
 */
export function followEvents(
  runId: string,
  hasBell: () => boolean,
  onEvents: (events: readonly RunEvent[]) => void,
  onProblem: (problem: Error | null) => void,
): Asking {
  let seen = 0;
  const take = (events: readonly RunEvent[]) => {
    if (events.length === 0) return;
    seen = events.at(-1)?.sequence ?? seen;
    onEvents(events);
  };
  const path = () => `/runs/${encodeURIComponent(runId)}/events?after=${seen}&limit=${PAGE}`;
  return keepAsking(async (abort) => {
    if (hasBell()) {
      const { items, next } = await ask<RunEventList>(path(), abort);
      take(items);
      return next === null ? ON_THE_CHANCE_MILLIS : 0;
    }
    const response = await send(path(), { headers: { accept: 'text/event-stream' }, signal: abort });
    if (response.status === 204) return null;
    if (!response.ok) throw new Error(`the timeline cannot be read: ${response.status}`);
    take(readEventStream(await readText(response)));
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
