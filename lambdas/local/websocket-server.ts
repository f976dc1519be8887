/**
 * WebSockets of the one-machine home. A handshake is answered only when the caller may follow that job: else an ordinary HTTP error, in
 * the orchestrator's words. Each connection reads the run's record for itself whenever the bell rings, from its own place on, so that
 * nothing is lost or said twice; a client that reads slowly holds up nobody, since each message waits for the one before it.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Access } from '#http/access.ts';
import { toDomainError } from '#http/answer.ts';
import { type Log, logToStderr } from '#http/exchange.ts';
import type { Place } from '#operations/follow-run.ts';
import type { RunListener } from '#ports/following.ts';
import type { Ports } from '#ports/ports.ts';
import type { JobMessage } from '#surfaces/orchestrator/messages.ts';
import { orchestratorSurface } from '#surfaces/orchestrator/surface.ts';
import { type Admission, admit, greet, readMessages, readStatus, STATUS_AGAIN_MILLIS } from '#workers/run-channel.ts';
import { readTarget } from './http-event.ts';
import { endSocket } from './raw-answer.ts';

const PATH = /^\/ws\/training\/jobs\/([^/]+)$/;
/** Clients have nothing to say here. */
const MAX_MESSAGE_BYTES = 4_096;
/** A line that is dead is found within two of these. */
const PING_MILLIS = 30_000;
/** RFC 6455 section 7.4.1: the endpoint goes away; 4000 to 4999 are for applications. */
const GOING_AWAY = 1_001;
const JOB_DELETED = 4_404;

export interface WebSocketOptions {
  readonly ports: Ports;
  readonly access: Access;
  readonly log?: Log;
  /** default 8 minutes */
  readonly statusAgainMillis?: number;
}

export class JobSockets {
  readonly #options: Required<WebSocketOptions>;
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, clientTracking: true, perMessageDeflate: false });
  readonly #heard = new WeakSet<WebSocket>();
  readonly #pings: NodeJS.Timeout;

  constructor(options: WebSocketOptions) {
    this.#options = { log: logToStderr, statusAgainMillis: STATUS_AGAIN_MILLIS, ...options };
    this.#pings = setInterval(() => this.#ping(), PING_MILLIS).unref();
  }

  /** What the HTTP server calls for a request that asks for an upgrade. */
  readonly upgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    void this.#answer(request, socket, head).catch((error) => {
      this.#options.log({ level: 'error', event: 'websocket-failed', message: error instanceof Error ? error.message : String(error) });
      socket.destroy();
    });
  };

  /** Says goodbye to everybody: they come again when the plane is back. */
  close(): void {
    clearInterval(this.#pings);
    for (const client of this.#server.clients) client.close(GOING_AWAY, 'the plane is closing, connect again');
    this.#server.close();
  }

  async #answer(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy()); // the client went away; there is nobody to tell
    const { path, query } = readTarget(request.url ?? '/');
    const jobId = PATH.exec(path)?.[1];
    if (jobId === undefined) {
      endSocket(socket, 404, {
        error: 'Not found',
        detail: 'no WebSocket here, only at /ws/training/jobs/{job_id}',
        code: 'route_not_found',
      });
      return;
    }
    const admission = await this.#admit(request, socket, jobId, new URLSearchParams(query));
    if (admission === null || socket.destroyed) return;
    this.#server.handleUpgrade(request, socket, head, (client) => void this.#follow(client, admission));
  }

  /** @returns null where the request was refused, and is answered */
  async #admit(request: IncomingMessage, socket: Socket, jobId: string, query: URLSearchParams): Promise<Admission | null> {
    const { ports, access, log } = this.#options;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]));
    try {
      return await admit(ports, access, { jobId, headers, ticket: query.get('ticket'), after: query.get('after') });
    } catch (error) {
      const requestId = randomUUID();
      const known = toDomainError(error, { requestId, method: 'GET', route: '/ws/training/jobs/{job_id}' }, log);
      const { status, body } = orchestratorSurface.errors;
      endSocket(socket, status[known.code], body(known, { requestId, params: { job_id: jobId } }));
      return null;
    }
  }

  async #follow(client: WebSocket, admission: Admission): Promise<void> {
    const { ports, log } = this.#options;
    const runId = admission.view.run.id;
    this.#heard.add(client);
    client.on('pong', () => this.#heard.add(client));
    client.on('error', () => client.terminate()); // a broken frame, or one that is too large
    const listener = ports.bell.listen(runId); // before the first read, so that nothing falls between
    client.on('close', () => listener.close());
    try {
      const said = await greet(ports, admission);
      if (said !== null && (await sendAll(client, said.messages))) await this.#goOn(client, runId, said.place, listener);
      else client.close(JOB_DELETED, 'the job was deleted');
    } catch (error) {
      log({ level: 'error', event: 'websocket-failed', runId, message: error instanceof Error ? error.message : String(error) });
      client.close(GOING_AWAY, 'something went wrong here, connect again');
    } finally {
      listener.close();
    }
  }

  async #goOn(client: WebSocket, runId: string, from: Place, listener: RunListener): Promise<void> {
    const { ports, statusAgainMillis } = this.#options;
    let place = from;
    while (client.readyState === client.OPEN) {
      const rang = await listener.next(statusAgainMillis);
      if (client.readyState !== client.OPEN) return;
      const said = rang ? await readMessages(ports, runId, place) : { messages: [await readStatus(ports, runId)], place };
      const messages = said?.messages.filter((message) => message !== null) ?? [];
      if (said === null || messages.length < said.messages.length) {
        client.close(JOB_DELETED, 'the job was deleted');
        return;
      }
      if (!(await sendAll(client, messages))) return;
      place = said.place;
    }
  }

  #ping(): void {
    for (const client of this.#server.clients) {
      if (this.#heard.delete(client)) client.ping();
      else client.terminate();
    }
  }
}

/** One after the other, each when the one before it is on its way. @returns false where the client is gone */
async function sendAll(client: WebSocket, messages: readonly JobMessage[]): Promise<boolean> {
  for (const message of messages) {
    if (client.readyState !== client.OPEN) return false;
    const isSent = await new Promise<boolean>((resolve) => client.send(JSON.stringify(message), (error) => resolve(!error)));
    if (!isSent) return false;
  }
  return true;
}
