import type { Ports } from '#ports';

const BATCH = 500;

/** Hands over what the outbox holds, in order, until it is empty. Safe to repeat: an event whose hand-over was not recorded comes again. */
export async function deliverEvents(ports: Pick<Ports, 'runs' | 'sink'>): Promise<void> {
  for (;;) {
    const events = await ports.runs.undelivered(BATCH);
    if (events.length === 0) return;
    await ports.sink.deliver(events);
    await ports.runs.markDelivered(events);
  }
}
