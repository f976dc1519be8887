/**
 * The orchestrator's WebSocket, `/ws/training/jobs/{job_id}`: who may connect, and what is said. Whoever holds the sockets (this process,
 * or a gateway) asks here; nothing of a connection is kept here but its place.
 *
 *   admit         before the handshake is answered: token or ticket, the job's id, `after`
 *   greet         without `after`: the present status and the newest metrics; with it: every event since, once, and the newest metrics
 *   readMessages  again and again: all that is new since the place
 */
import { DomainError, InvalidRequest } from '#domain/errors.ts';
import { CLIENT_NAME } from '#domain/ids.ts';
import type { RunView } from '#domain/run.ts';
import { type Access, createTokenCheck } from '#http/access.ts';
import { showValue } from '#http/schema-words.ts';
import { type News, type Place, readNews } from '#operations/follow-run.ts';
import { getRun } from '#operations/get-run.ts';
import { redeemTicket } from '#operations/tickets.ts';
import type { Ports } from '#ports/ports.ts';
import { type JobMessage, toGreeting, toMessages, toPresentStatus } from '#surfaces/orchestrator/messages.ts';

/** A status is repeated so that who listens for long knows that the line is open; API Gateway closes one that is silent for 10 minutes. */
export const STATUS_AGAIN_MILLIS = 8 * 60_000;

export interface Knock {
  readonly jobId: string;
  /** lower-case names */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly ticket: string | null;
  readonly after: string | null;
}

export interface Admission {
  readonly view: RunView;
  /** null: none was given */
  readonly after: number | null;
}

/** @throws DomainError `unauthorized`, `run_not_found`; InvalidRequest */
export async function admit(
  ports: Pick<Ports, 'runs' | 'documents' | 'clock'>,
  access: Access,
  { jobId, headers, ticket, after }: Knock,
): Promise<Admission> {
  if (ticket === null) await createTokenCheck(access)(headers);
  else await redeemTicket(ports, ticket, jobId);
  if (!CLIENT_NAME.test(jobId)) throw new DomainError('run_not_found', `no run ${showValue(jobId)}`);
  if (after !== null && !/^\d{1,15}$/.test(after))
    throw new InvalidRequest([{ path: 'after', message: `must be the seq of a message, got ${showValue(after)}` }]);
  return { view: await getRun(ports, jobId), after: after === null ? null : Number(after) };
}

export interface Said {
  readonly messages: readonly JobMessage[];
  readonly place: Place;
}

/** @returns null where the job was deleted meanwhile */
export async function greet(ports: Pick<Ports, 'runs'>, { view, after }: Admission): Promise<Said | null> {
  const { run, progress } = view;
  if (after !== null) return readMessages(ports, run.id, { sequence: after, report: null });
  return {
    messages: toGreeting(view),
    place: { sequence: run.version, report: progress && { attempt: progress.attempt, workSequence: progress.workSequence } },
  };
}

/** @returns all that is new; null where the job was deleted */
export async function readMessages(ports: Pick<Ports, 'runs'>, runId: string, from: Place): Promise<Said | null> {
  const messages: JobMessage[] = [];
  let place = from;
  for (;;) {
    const news: News | null = await readNews(ports, runId, place);
    if (news === null) return null;
    messages.push(...toMessages(news));
    place = news.place;
    if (news.events.length === 0 || place.sequence >= news.view.run.version) return { messages, place };
  }
}

/** @returns the present status, to be said once more; null where the job was deleted */
export async function readStatus(ports: Pick<Ports, 'runs'>, runId: string): Promise<JobMessage | null> {
  const view = await ports.runs.get(runId);
  return view && toPresentStatus(view);
}
