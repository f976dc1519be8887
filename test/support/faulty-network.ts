/** A network between a command and a plane that fails as networks do: answers get lost, break off in the middle, or come from a gateway. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** What happens to a request. */
export type Fault =
  | { readonly kind: 'none' }
  /** the plane has done it, and its answer is lost */
  | { readonly kind: 'lose-answer' }
  /** the connection breaks before the plane hears of it */
  | { readonly kind: 'refuse' }
  /** so many bytes of the body, and when `arrived` says so, the end of the connection */
  | { readonly kind: 'cut'; readonly bytes: number; readonly arrived?: () => Promise<void> }
  /** the first byte of the body is another one */
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'answer'; readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

export interface Passed {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export class FaultyNetwork {
  readonly url: string;
  /** every request that came by, the failed ones too */
  readonly passed: Passed[] = [];
  /** asked for each request */
  decide: (passed: Passed) => Fault = () => ({ kind: 'none' });
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async before(planeUrl: string): Promise<FaultyNetwork> {
    let network: FaultyNetwork | undefined;
    const server = createServer((incoming, response) => network?.pass(incoming, response, planeUrl));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    network = new FaultyNetwork(`http://127.0.0.1:${port}`, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return network;
  }

  close(): Promise<void> {
    return this.#close();
  }

  pass(incoming: IncomingMessage, response: ServerResponse, planeUrl: string): void {
    const passed = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers };
    this.passed.push(passed);
    const fault = this.decide(passed);
    if (fault.kind === 'refuse') return void incoming.socket.destroy();
    if (fault.kind === 'answer')
      return void response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body);
    const onward = request(
      new URL(passed.url, planeUrl),
      { method: passed.method, headers: { ...incoming.headers, connection: 'close' } },
      (answer) => {
        const parts: Buffer[] = [];
        answer
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () => {
            if (fault.kind === 'lose-answer') return void incoming.socket.destroy();
            const body = Buffer.concat(parts);
            if (fault.kind === 'corrupt') body[0] = (body[0] ?? 0) ^ 1;
            response.writeHead(answer.statusCode ?? 500, answer.headers);
            if (fault.kind !== 'cut') return void response.end(body);
            response.write(
              body.subarray(0, fault.bytes),
              () => void (fault.arrived?.() ?? Promise.resolve()).then(() => incoming.socket.destroy()),
            );
          });
      },
    );
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  }
}
