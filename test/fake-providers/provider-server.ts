/** A fake provider on a loopback port, for planes and machines that are real processes: its clock is the world's. */
import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { FakeProvider } from './fake-provider.ts';

const TICK_MILLIS = 50;

export interface ProviderServer {
  /** http://127.0.0.1:<port> */
  readonly url: string;
  close(): Promise<void>;
}

/** A request whose answer the fake loses finds its connection cut. */
export async function serveProvider(fake: FakeProvider): Promise<ProviderServer> {
  const server = createServer((incoming, outgoing) => {
    void toRequest(incoming)
      .then((request) => fake.handle(request))
      .then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers));
        outgoing.end(Buffer.from(await response.arrayBuffer()));
      })
      .catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const clock = setInterval(() => fake.advance(), TICK_MILLIS);
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      clearInterval(clock);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const { method = 'GET', url = '/', headers } = incoming;
  const body = await buffer(incoming);
  const given = Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as [string, string]] : []));
  const isBare = method === 'GET' || method === 'HEAD' || body.length === 0;
  return new Request(new URL(url, 'http://127.0.0.1'), { method, headers: given, ...(isBare ? {} : { body: new Uint8Array(body) }) });
}
