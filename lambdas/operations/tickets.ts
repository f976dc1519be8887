/** Tickets for those who cannot set a header: good for one run, once, for a minute. What is stored is their hash. */
import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import { hashToken, makeToken } from '#domain/tokens.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { getRun } from './get-run.ts';

export const TICKETS = 'ws-tickets';
const LIFE_MILLIS = 60_000;

const storedSchema = z.object({ runId: z.string(), expiresAt: z.int() });

export interface Ticket {
  readonly ticket: string;
  readonly runId: string;
  /** ISO 8601 */
  readonly expiresAt: string;
}

/** @throws DomainError `run_not_found` */
export async function issueTicket(ports: Ports, runId: string, remember?: (ticket: Ticket) => Remembered | undefined): Promise<Ticket> {
  await getRun(ports, runId);
  const ticket = makeToken();
  const expiresAt = ports.clock.now() + LIFE_MILLIS;
  const issued = { ticket, runId, expiresAt: new Date(expiresAt).toISOString() };
  await ports.documents.put(TICKETS, hashToken(ticket), { runId, expiresAt }, remember?.(issued));
  return issued;
}

/** Uses a ticket up. @throws DomainError `unauthorized` for one that was used, is over, or is for another run */
export async function redeemTicket(ports: Pick<Ports, 'documents' | 'clock'>, ticket: string, runId: string): Promise<void> {
  const value = await ports.documents.take(TICKETS, hashToken(ticket));
  const stored = value && storedSchema.parse(value);
  if (!stored || stored.runId !== runId || stored.expiresAt <= ports.clock.now())
    throw new DomainError(
      'unauthorized',
      'the ticket is not valid: it is for one job, once, for 60 s; ask for another at POST /ws/tickets',
    );
}
