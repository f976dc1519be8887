/**
 * Rings when a run has something new: the orchestrator's WebSocket, opened with a ticket, since a browser cannot send a token with it. It says
 * that there is news; what the news is, is read by sequence, so a line that breaks costs promptness and nothing else. It comes back by itself.
 */
import type { Signal } from '@preact/signals';
import { perform } from './ask.ts';
import { type Asking, keepAsking } from './keep-asking.ts';
import type { Ticket } from './wire.ts';

const AGAIN_MILLIS = 2_000;
/** RFC 6455 keeps 4000 to 4999 for applications; the plane says by this one that the run was deleted. */
const RUN_DELETED = 4_404;

/** @param isOpen is kept true while it would ring, so that nobody needs to look on the chance. @returns what ends it */
export function openDoorbell(runId: string, isOpen: Signal<boolean>, onRing: () => void): Asking {
  return keepAsking(
    async (abort) => {
      const { url } = await perform<Ticket>({ method: 'POST', path: '/ws/tickets', body: { job_id: runId } });
      if (abort.aborted) return null;
      const code = await listen(url, abort, isOpen, onRing);
      return code === RUN_DELETED ? null : AGAIN_MILLIS;
    },
    () => {}, // without it the run is looked at every second
  );
}

/** @returns the code with which the connection ended */
function listen(path: string, abort: AbortSignal, isOpen: Signal<boolean>, onRing: () => void): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')));
    const hangUp = () => socket.close();
    abort.addEventListener('abort', hangUp);
    socket.onopen = () => {
      isOpen.value = true;
    };
    socket.onmessage = onRing;
    socket.onclose = ({ code }) => {
      isOpen.value = false;
      abort.removeEventListener('abort', hangUp);
      onRing(); // whatever it would have told from here on is looked for at once
      resolve(code);
    };
  });
}
