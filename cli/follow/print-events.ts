/** `events`: once through, or on to the end of the run. */
import { nextEvents } from '../plane/event-stream.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { listEvents, type RunEvent } from '../plane/runs.ts';
import type { Session } from '../session.ts';
import { describeEvent } from '../text/run-words.ts';

/** @throws Interrupted at Ctrl-C */
export async function printEvents(session: Session, plane: PlaneClient, id: string, isToFollow: boolean): Promise<void> {
  const show = (event: RunEvent): void => session.printLine('events', event, (colors) => describeEvent(event, colors));
  let after = 0;
  for (let next: number | null = 0; next !== null; ) {
    const page = await listEvents(plane, id, next);
    for (const event of page.items) show(event);
    after = page.items.at(-1)?.sequence ?? after;
    next = page.next;
  }
  if (!isToFollow) return;
  plane.patienceMillis = Number.POSITIVE_INFINITY;
  for (;;) {
    const events = await nextEvents(plane, id, after);
    if (events === null) return;
    for (const event of events) show(event);
    after = events.at(-1)?.sequence ?? after;
  }
}
