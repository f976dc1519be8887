/**
 * A run's timeline as server-sent events. The plane's streams are finite: an answer holds what there is, or waits some 20 s for it, and ends; so one is
 * read whole, and the next is asked for with the last id that was seen, in `Last-Event-ID`, as an EventSource would. 204 says that no more will come.
 * Source: HTML Living Standard, section 9.2.
 */
import { eventResponse } from '../../lambdas/surfaces/runs/schemas.ts';
import { CommandFailure } from '../exit-code.ts';
import { type PlaneClient, pathOf, readAs } from './plane-client.ts';
import type { RunEvent } from './runs.ts';

/** The plane waits 20 s for an event; what lies between us and it may take some more. */
const ANSWER_MILLIS = 60_000;

/** @param after a sequence; events above it. @returns null where no more will come */
export async function nextEvents(plane: PlaneClient, runId: string, after: number): Promise<RunEvent[] | null> {
  const { status, text } = await plane.answer({
    method: 'GET',
    path: pathOf`/runs/${runId}/events`,
    headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
    answerMillis: ANSWER_MILLIS,
  });
  return status === 204 ? null : readEvents(text).filter(({ sequence }) => sequence > after);
}

/** @throws CommandFailure for an event that this version does not understand */
export function readEvents(stream: string): RunEvent[] {
  return stream
    .split(/\r?\n\r?\n/)
    .map((block) =>
      block
        .split(/\r?\n/)
        .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trimStart()] : []))
        .join('\n'),
    )
    .filter((data) => data !== '')
    .map((data) => {
      const read = readAs(eventResponse, JSON.parse(data));
      if ('value' in read) return read.value;
      throw new CommandFailure('strange_answer', `the plane tells of an event that this version does not understand (${read.problem})`);
    });
}
