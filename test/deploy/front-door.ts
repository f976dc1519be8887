/**
 * What stands where TLS and the edge do: a plain proxy on loopback, before the emulator. Requests go to the emulator's own CloudFront, which
 * finds the distribution by its name, runs its function and asks its origins. CloudFront there knows no WebSockets: for those the function
 * is run here, as it stands in lambdas/edge, and the socket goes to the WebSocket API that the function's path leads to.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createContext, runInContext } from 'node:vm';

const EDGE_FUNCTIONS = join(import.meta.dirname, '..', '..', 'lambdas', 'edge');
const SOCKET_PATHS = /^\/ws\/training\/jobs\//;

interface EdgeRequest {
  uri: string;
  querystring: Record<string, { value: string }>;
}

/** A function as CloudFront runs it: in a world without modules. @param file of lambdas/edge */
export function runEdgeFunction(file: string, uri: string, query: Readonly<Record<string, string>>): EdgeRequest {
  const event = { request: { uri, querystring: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, { value }])) } };
  const world = createContext({ event });
  return runInContext(`${readFileSync(join(EDGE_FUNCTIONS, file), 'utf8')}; handler(event)`, world) as EdgeRequest;
}

export interface FrontDoorTarget {
  /** of the emulator: http://127.0.0.1:<port> */
  readonly endpoint: string;
  /** of the distribution: d111111abcdef8.cloudfront.net */
  readonly domain: string;
  readonly socketApiId: string;
}

export class FrontDoor {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: FrontDoorTarget | null = null;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    server.on('request', (incoming, answer) => {
      const { endpoint, domain } = this.#open();
      const outgoing = request(endpoint + (incoming.url ?? '/'), {
        method: incoming.method ?? 'GET',
        headers: { ...incoming.headers, host: domain, 'x-forwarded-proto': 'https' },
      });
      outgoing.on('response', (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        pipeline(reply, answer, () => {});
      });
      outgoing.on('error', () => answer.writeHead(502).end());
      pipeline(incoming, outgoing, () => {});
    });
    server.on('upgrade', (incoming, socket: Socket, head) => this.#upgrade(incoming, socket, head));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async listen(): Promise<FrontDoor> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the front door has no port');
    return new FrontDoor(server, address.port);
  }

  /** What it leads to, once that is deployed. */
  leadTo(target: FrontDoorTarget): void {
    this.#target = target;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #open(): FrontDoorTarget {
    if (this.#target === null) throw new Error('nothing is deployed behind the front door yet');
    return this.#target;
  }

  #upgrade({ url = '/', rawHeaders }: IncomingMessage, socket: Socket, head: Buffer): void {
    const { endpoint, socketApiId } = this.#open();
    const { pathname, searchParams } = new URL(url, this.url);
    if (!SOCKET_PATHS.test(pathname)) return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
    const { uri, querystring } = runEdgeFunction('rewrite-socket-path.js', pathname, Object.fromEntries(searchParams));
    const query = new URLSearchParams(Object.fromEntries(Object.entries(querystring).map(([name, { value }]) => [name, value])));
    const { hostname, port } = new URL(endpoint);
    const onward = connect(Number(port), hostname, () => {
      const lines = [`GET /_aws/execute-api/${socketApiId}${uri}?${query} HTTP/1.1`, `Host: ${hostname}:${port}`];
      for (let index = 0; index < rawHeaders.length; index += 2)
        if (rawHeaders[index]?.toLowerCase() !== 'host') lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      pipeline(socket, onward, () => {});
      pipeline(onward, socket, () => {});
    });
    onward.on('error', () => socket.destroy());
  }
}
