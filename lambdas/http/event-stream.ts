/**
 * Server-sent events as finite answers, since a Lambda behind an HTTP API cannot stream: each holds what there is and closes; the browser's
 * EventSource comes again by itself after `retry`, with the last id that it saw.
 * Source: HTML Living Standard, section 9.2 "Server-sent events"; there too: 204 tells an EventSource not to come again.
 */
import { InvalidRequest } from '#domain/errors.ts';
import type { RawReply, Reply, RequestContext } from './route.ts';
import { showValue } from './schema-words.ts';

const RETRY_MILLIS = 1_000;

interface StreamEvent {
  readonly id: number;
  readonly type: string;
  readonly data: unknown;
}

/** The client asks for a stream before anything else that we could give. */
export const wantsEventStream = ({ headers }: RequestContext): boolean => /^\s*text\/event-stream\b/i.test(headers['accept'] ?? '');

/** What the client saw last: its header where it comes again by itself, else what it asked for. @throws InvalidRequest */
export function lastEventId({ headers }: RequestContext, after: number): number {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return after;
  if (!/^\d{1,15}$/.test(given))
    throw new InvalidRequest([{ path: 'Last-Event-ID', message: `must be the sequence of an event, got ${showValue(given)}` }]);
  return Number(given);
}

/** @param events null: there will be none any more */
export function toEventStream(events: readonly StreamEvent[] | null): Reply {
  if (events === null) return { status: 204, body: undefined };
  const parts = events.map(({ id, type, data }) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  const reply: RawReply = {
    status: 200,
    contentType: 'text/event-stream; charset=utf-8',
    headers: { 'cache-control': 'no-store' },
    raw: `retry: ${RETRY_MILLIS}\n${parts.length === 0 ? ': nothing yet\n' : ''}\n${parts.join('')}`,
  };
  return reply;
}
