import { connect } from 'node:net';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Access } from '#http/access.ts';
import type { HttpHandler } from '#http/exchange.ts';
import { type HttpServerOptions, startHttpServer } from '#local/http-server.ts';
import { lanternSurface } from '../support/lantern-surface.ts';
import { sendRaw } from '../support/raw-socket.ts';

async function open({
  access = {},
  ...options
}: Partial<Omit<HttpServerOptions, 'access'>> & { access?: Partial<Access>; answer?: HttpHandler } = {}) {
  const logged: Readonly<Record<string, unknown>>[] = [];
  const hello: HttpHandler =
    options.answer ?? (async () => ({ statusCode: 200, headers: { 'content-type': 'application/json' }, body: '"hello"' }));
  const server = await startHttpServer({
    port: 0,
    surfaces: [{ surface: lanternSurface, handle: hello }],
    fallback: async () => ({ statusCode: 404, body: '"nothing"' }),
    access: { tokens: [], allowedOrigins: [], ...access },
    log: (line) => void logged.push(line),
    ...options,
  });
  onTestFinished(() => server.close(0));
  return { server, logged, send: (raw: string) => sendRaw(server.port, raw) };
}

const GET = 'GET /lanterns HTTP/1.1\r\nHost: localhost\r\n\r\n';
const post = (headers: string, body = '') => `POST /lanterns HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`;
const answering = (result: APIGatewayProxyStructuredResultV2) => open({ answer: async () => result });

describe('a result becomes a response', () => {
  test('with its status, headers and length', async () => {
    const { send } = await answering({ statusCode: 201, headers: { 'X-Probe': 'a', 'Content-Length': '999' }, body: 'λ' });

    const { status, headers, body } = await send(GET);

    expect({ status, body }).toEqual({ status: 201, body: 'λ' });
    expect(headers).toContainEqual(['x-probe', 'a']);
    expect(headers).toContainEqual(['content-length', '2']);
  });

  test('with a set-cookie for each cookie', async () => {
    const { send } = await answering({ statusCode: 200, cookies: ['a=1; HttpOnly', 'b=2'], body: '' });

    const { headers } = await send(GET);

    expect(headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1; HttpOnly'],
      ['set-cookie', 'b=2'],
    ]);
  });

  test('with bytes where the body is base64', async () => {
    const { send } = await answering({ statusCode: 200, isBase64Encoded: true, body: Buffer.from([0x89, 0x50]).toString('base64') });

    expect((await send(GET)).text.endsWith('\r\n\r\n\x89P')).toBe(true);
  });

  test('without a body for HEAD and 204', async () => {
    const { send } = await answering({ statusCode: 204, body: 'never' });
    const { send: sendOther } = await answering({ statusCode: 200, body: 'never' });

    expect((await send(GET)).text).not.toContain('never');
    expect((await sendOther(GET.replace('GET', 'HEAD'))).text).not.toContain('never');
  });
});

describe('nothing that a client sends ends the process: it answers', () => {
  test.each([
    ['what is not HTTP', 'hello\r\n\r\n', 400],
    ['a request without Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a broken header', 'GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n', 400],
    ['two lengths', post('Content-Length: 1\r\nContent-Length: 2', 'ab'), 400],
    ['length and chunks together', post('Content-Length: 1\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
    ['a bad chunk', post('Transfer-Encoding: chunked', 'zz\r\n'), 400],
    ['headers of 20 KB', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a broken percent sign', 'GET /lamps/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', 404],
    ['a path that is no UTF-8', 'GET /lamps/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n', 404],
    ['a length beyond 10 MB, before it comes', post('Content-Length: 10485761'), 413],
    ['a method nobody knows', 'BREW /lanterns HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', 404],
    ['a WebSocket where there is none', 'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 404],
  ])('%s', async (_, raw, status) => {
    const { send } = await open();

    const answer = await send(raw);

    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject(
      status === 404 ? {} : { error: expect.any(String), detail: expect.any(String), code: expect.any(String) },
    );
    expect((await send(GET)).status).toBe(200);
  });

  test('chunks that grow beyond 10 MB', async () => {
    const { send } = await open();
    const chunk = `100000\r\n${'x'.repeat(1_048_576)}\r\n`;

    const answer = await send(post('Transfer-Encoding: chunked', chunk.repeat(11)));

    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'Payload Too Large', code: 'payload_too_large' });
  });

  test('the next client after one that went away in the middle of its body', async () => {
    const { server, send } = await open();

    await new Promise<void>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () =>
        socket.write(post('Content-Length: 100', 'half'), () => socket.resetAndDestroy()),
      );
      socket.on('close', () => resolve());
    });

    expect((await send(GET)).status).toBe(200);
  });

  test.each([
    ['throws', async () => Promise.reject(new Error('secret'))],
    ['answers with a header that cannot be sent', async () => ({ statusCode: 200, headers: { 'x-probe': 'a\r\nb' }, body: '' })],
    ['answers with a status that is none', async () => ({ statusCode: 9, body: '' })],
  ])('500 where a handler %s, and logs it', async (_, answer) => {
    const { send, logged } = await open({ answer });

    const { status, body } = await send(GET);

    expect(status).toBe(500);
    expect(body).not.toContain('secret');
    expect(logged).toMatchObject([{ event: 'answer-failed' }]);
  });
});

describe('one connection', () => {
  test('carries several requests, answered in their order', async () => {
    const { server } = await open({ answer: async ({ headers }) => ({ statusCode: 200, body: headers['x-number'] ?? '' }) });
    const request = (number: number, last = '') => `GET /lanterns HTTP/1.1\r\nHost: localhost\r\nX-Number: n${number}\r\n${last}\r\n`;

    const { text } = await sendAll(server.port, request(1) + request(2) + request(3, 'Connection: close\r\n'));

    expect([...text.matchAll(/\bn\d$|\bn\d(?=HTTP)/g)].map(([number]) => number)).toEqual(['n1', 'n2', 'n3']);
  });
});

/** Reads to the end of the connection. */
function sendAll(port: number, raw: string): Promise<{ text: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(raw, 'latin1'));
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('close', () => resolve({ text })).on('error', reject);
  });
}

describe('a plane without a token', () => {
  const withHeaders = (headers: string, method = 'POST') => `${method} /lanterns HTTP/1.1\r\n${headers}\r\n\r\n`;

  test.each(['localhost', 'localhost:8000', '127.0.0.1:8000', '[::1]:8000', 'LOCALHOST'])('answers to %s', async (host) => {
    const { send } = await open();

    expect((await send(withHeaders(`Host: ${host}`))).status).toBe(200);
  });

  test.each([
    'evil.example.com',
    'localhost.evil.example.com',
    '127.0.0.1.evil.example.com:80',
    '127.0.0.1:8000@evil.example.com',
    '10.0.0.1',
    '',
  ])('refuses the name %j', async (host) => {
    const { send } = await open();

    const answer = await send(withHeaders(`Host: ${host}`));

    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'Forbidden', code: 'unauthorized' });
  });

  test.each([
    ["another page's POST", 'POST', 'https://evil.example.com', 403],
    ['a POST out of a sandbox', 'POST', 'null', 403],
    ["another page's GET, which it may not read", 'GET', 'https://evil.example.com', 200],
    ['its own page', 'POST', 'http://localhost:8000', 200],
    ['a page that the operator allows', 'POST', 'https://app.example.com', 200],
  ])('to %s: %s from %s is %i', async (_, method, origin, status) => {
    const { send } = await open({ access: { allowedOrigins: ['https://app.example.com'] } });

    expect((await send(withHeaders(`Host: localhost:8000\r\nOrigin: ${origin}`, method))).status).toBe(status);
  });

  test("refuses another page's WebSocket", async () => {
    const { send } = await open({ upgrade: () => {} });

    expect(
      (
        await send(
          withHeaders('Host: localhost:8000\r\nOrigin: https://evil.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket', 'GET'),
        )
      ).status,
    ).toBe(403);
  });

  test('is never opened to the network', async () => {
    await expect(open({ host: '0.0.0.0' })).rejects.toThrow('without a token the server listens on loopback only, not on 0.0.0.0');
  });

  test('with a token answers to every name', async () => {
    const { send } = await open({ access: { tokens: ['x'] } });

    expect((await send(withHeaders('Host: plane.example.com\r\nOrigin: https://evil.example.com'))).status).toBe(200);
  });
});

describe('closing', () => {
  test('lets what is in flight end, and takes nothing new', async () => {
    let finish = () => {};
    let arrived = () => {};
    const inFlight = new Promise<void>((resolve) => (arrived = resolve));
    const { server, send } = await open({
      answer: async () => {
        arrived();
        await new Promise<void>((resolve) => (finish = resolve));
        return { statusCode: 200, body: 'done' };
      },
    });
    const kept = connect(server.port, '127.0.0.1', () => kept.write(GET));
    const answer = new Promise((resolve) => kept.once('data', (chunk) => resolve(String(chunk))));

    await inFlight;
    const closed = server.close(60_000);
    finish();

    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*done$/);
    await closed;
    await expect(send(GET)).rejects.toThrow('ECONNREFUSED');
  });

  test('does not wait for clients that keep their connection', async () => {
    const { server } = await open();
    const socket = connect(server.port, '127.0.0.1', () => socket.write(GET));
    await new Promise((resolve) => socket.once('data', resolve));
    const ended = new Promise((resolve) => socket.once('close', resolve));

    await server.close(60_000);

    await ended;
  });

  test('waits for nobody longer than it was told', async () => {
    let arrived = () => {};
    const inFlight = new Promise<void>((resolve) => (arrived = resolve));
    const { server, send } = await open({
      answer: () => {
        arrived();
        return new Promise(() => {});
      },
    });

    const answer = send(GET).catch(() => 'cut off');
    await inFlight;
    await server.close(0);

    expect(await answer).not.toMatchObject({ status: 200 });
  });

  test('says who else has the port', async () => {
    const { server } = await open();

    await expect(open({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
