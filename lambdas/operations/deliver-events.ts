import type { Ports } from '#ports/ports.ts';

const BATCH = 500;

/**
 * Hands over what the outbox holds, in order, until it is empty. Safe to repeat: an event whose hand-over was not recorded comes again.
 * @param runId of this run alone
 * @returns how many events were handed over
 */
export async function deliverEvents(ports: Pick<Ports, 'runs' | 'sink'>, runId?: string): Promise<number> {
  let delivered = 0;
  for (let first = ''; ; ) {
    const events = await ports.runs.undelivered(BATCH, runId);
    const next = events[0] ? `${events[0].runId} ${events[0].sequence}` : first;
    if (next === first) return delivered; // none are left, or the outbox waits for those before them
    first = next;
    await ports.sink.deliver(events);
    await ports.runs.markDelivered(events);
    delivered += events.length;
  }
}
