import type { Ports } from '#ports/ports.ts';
import type { EventSink } from '#ports/workflow.ts';
import type { ReadEnvironment } from '../environment.ts';
import { lazyPort } from '../lazy-port.ts';

type Bus = Pick<ReadEnvironment<'stream'>, 'TUNEPLANE_EVENT_BUS' | 'TUNEPLANE_URL'>;

export const openSink = ({ TUNEPLANE_EVENT_BUS, TUNEPLANE_URL }: Bus, runs: Ports['runs']): EventSink =>
  lazyPort<EventSink>(async () => (await import('../open/event-bus.ts')).openEventBus(TUNEPLANE_EVENT_BUS, runs, TUNEPLANE_URL));
