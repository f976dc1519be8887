/** What each provider's answers and states mean, row by row: from its document, and from what others recorded of it. */
import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { MachineOrder } from '#compute/connector.ts';
import type { ConnectorError, ConnectorFault } from '#compute/connector-error.ts';
import { openConnector } from '#compute/open-connectors.ts';
import { OPEN_GATE } from '#compute/rate-gate.ts';
import type { Offer } from '#domain/offers.ts';
import type { RentingProvider } from '#domain/providers.ts';

const KEY = 'key-canary';
const BASE = 'https://provider.example';

/** A provider that answers each request as it is told; by the end of its path, else the last one. */
function aConnector(provider: RentingProvider, answers: Readonly<Record<string, () => Response | Promise<Response>>>) {
  const asked: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    asked.push(url);
    const found = Object.entries(answers).find(([end]) => new URL(url).pathname.endsWith(end));
    if (!found) throw new Error(`nobody answers ${url}`);
    return found[1]();
  };
  return { connector: openConnector(provider, KEY, { fetch, gate: OPEN_GATE, pause: async () => {} }, BASE), asked };
}

const ORDER: MachineOrder = {
  label: 'tp-label',
  image: `ghcr.io/acme/trainer@sha256:${'a'.repeat(64)}`,
  command: ['python', '-m', 'trainer.rented'],
  environment: {},
  diskGb: 60,
  minCuda: '13.0',
  registry: null,
};
const OFFER: Offer = {
  key: '101',
  gpuType: 'RTX 4090',
  gpus: 1,
  gpuMemoryGb: 24,
  region: 'US-TX-3',
  spot: false,
  usdPerHour: 0.4,
  stock: 'high',
  host: null,
  usdPerGbOut: 0,
  usdPerGbIn: 0,
  isUnverified: false,
};
const json = (status: number, body: unknown) => (): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const problem = (status: number, detail: string) => json(status, { title: 'x', status, detail });
const lambdaError = (status: number, code: string) => json(status, { error: { code, message: 'what it says' } });
const vastError = (status: number, error: string, msg = 'what it says') => json(status, { success: false, error, msg });
const gone = (): never => {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }) });
};

type Answer = () => Response | Promise<Response>;
const REFUSALS: readonly [RentingProvider, string, Answer, ConnectorFault][] = [
  [
    'runpod',
    'no machines, in prose',
    problem(400, 'There are no longer any instances available with the requested specifications.'),
    'no-capacity',
  ],
  ['runpod', 'a broken rule, with the same status', problem(400, 'gpu.id is invalid: RTX 9090'), 'invalid'],
  ['runpod', 'a field that it does not know', problem(422, 'Request validation failed.'), 'invalid'],
  ['runpod', 'a body that is too large', problem(413, 'too large'), 'invalid'],
  ['runpod', 'no money', problem(402, 'insufficient balance'), 'quota'],
  ['runpod', 'a wrong key', problem(401, 'Unauthorized'), 'auth'],
  ['runpod', 'a key that may not', problem(403, 'Forbidden'), 'auth'],
  ['runpod', 'too many requests', problem(429, 'slow down'), 'rate-limited'],
  ['runpod', 'a fault of its own', problem(500, 'oops'), 'ambiguous'],
  ['runpod', 'no answer', gone, 'ambiguous'],
  ['lambda', 'no machines', lambdaError(400, 'instance-operations/launch/insufficient-capacity'), 'no-capacity'],
  ['lambda', 'the limit of the account', lambdaError(400, 'global/quota-exceeded'), 'quota'],
  ['lambda', 'an account that is not active', lambdaError(403, 'global/account-inactive'), 'quota'],
  ['lambda', 'a wrong key', lambdaError(401, 'global/invalid-api-key'), 'auth'],
  ['lambda', 'a broken rule', lambdaError(400, 'global/invalid-parameters'), 'invalid'],
  ['lambda', 'something that is not there', lambdaError(404, 'global/object-does-not-exist'), 'invalid'],
  ['lambda', 'a fault above it', lambdaError(400, 'provider/internal-unavailable'), 'ambiguous'],
  ['lambda', 'a fault of its own', lambdaError(500, 'global/internal-error'), 'ambiguous'],
  ['lambda', 'too many requests, in a word', () => new Response('Too Many Requests', { status: 429 }), 'rate-limited'],
  ['vastai', 'an offer that is taken', vastError(410, 'no_such_ask'), 'no-capacity'],
  ['vastai', 'an offer that is not there', vastError(404, 'no_such_ask', 'error 404/3603: no_such_ask'), 'no-capacity'],
  ['vastai', 'a refusal with status 200', json(200, { success: false, msg: 'not available' }), 'no-capacity'],
  ['vastai', 'a bid that is too low', vastError(400, 'invalid_price'), 'no-capacity'],
  ['vastai', 'a broken rule', vastError(400, 'invalid_args'), 'invalid'],
  ['vastai', 'no money', vastError(400, 'other', 'insufficient credit'), 'quota'],
  ['vastai', 'a wrong key, as 404', vastError(404, 'auth_error'), 'auth'],
  ['vastai', 'too many requests, as text', () => new Response('API requests too frequent', { status: 429 }), 'rate-limited'],
  ['vastai', 'a page of a proxy', () => new Response('<html>Bad gateway</html>', { status: 502 }), 'ambiguous'],
];

describe('a request for a machine', () => {
  test.each(REFUSALS)('at %s: %s', async (provider, _, answer, fault) => {
    const { connector } = aConnector(provider, { '/ssh-keys': json(200, { data: [{ name: 'tuneplane' }] }), '': answer });

    const refusal: unknown = await connector.create(ORDER, OFFER).catch((error: unknown) => error);

    expect(refusal).toMatchObject({ name: 'ConnectorError', fault });
    expect(String((refusal as ConnectorError).message)).not.toContain(KEY);
  });

  test('is made once, whatever comes of it', async () => {
    const { connector, asked } = aConnector('runpod', { '': problem(500, 'oops') });
    await connector.create(ORDER, OFFER).catch(() => null);

    expect(asked).toHaveLength(1);
  });

  test('that Vast.ai refuses and carries out all the same says what it left behind', async () => {
    const { connector } = aConnector('vastai', { '': json(200, { success: false, error: 'invalid_price', new_contract: 7_000_001 }) });

    await expect(connector.create(ORDER, OFFER)).rejects.toMatchObject({ leaves: '7000001' });
  });
});

const pod = (status: string, runtime: unknown = null) => json(200, { pods: [{ id: 'p', name: 'tp-a', status, runtime, cost: 1 }] });
const instance = (status: string) => json(200, { data: [{ id: 'i', name: 'tp-a', status, jupyter_token: 'door-canary' }] });
const vast = (status: string | null, more: object = {}) =>
  json(200, {
    success: true,
    instances: [{ id: 7, label: 'tp-a', actual_status: status, intended_status: 'running', ...more }],
    next_token: null,
  });
const allStopped = { intended_status: 'stopped', cur_state: 'stopped', next_state: 'stopped' };

const STATES: readonly [RentingProvider, string, Answer, string | null][] = [
  ['runpod', 'PROVISIONING', pod('PROVISIONING'), 'creating'],
  ['runpod', 'STARTING', pod('STARTING'), 'initializing'],
  ['runpod', 'RUNNING before its container runs', pod('RUNNING'), 'initializing'],
  ['runpod', 'RUNNING', pod('RUNNING', { uptime: 5 }), 'running'],
  ['runpod', 'EXITED', pod('EXITED'), 'stopped'],
  ['runpod', 'ERROR', pod('ERROR'), 'broken'],
  ['runpod', 'TERMINATED', pod('TERMINATED'), null],
  ['runpod', 'a word of a later document', pod('HIBERNATING'), 'unreachable'],
  ['lambda', 'booting', instance('booting'), 'initializing'],
  ['lambda', 'active', instance('active'), 'running'],
  ['lambda', 'unhealthy', instance('unhealthy'), 'unreachable'],
  ['lambda', 'preempted', instance('preempted'), 'preempted'],
  ['lambda', 'terminating', instance('terminating'), 'terminating'],
  ['lambda', 'terminated', instance('terminated'), null],
  ['vastai', 'null, while it is provisioned', vast(null), 'creating'],
  ['vastai', 'loading', vast('loading'), 'initializing'],
  ['vastai', 'created', vast('created'), 'initializing'],
  ['vastai', 'created, and its container cannot be', vast('created', { status_msg: 'x: OCI runtime create failed: y' }), 'broken'],
  ['vastai', 'running', vast('running'), 'running'],
  ['vastai', 'exited, which passes', vast('exited'), 'running'],
  ['vastai', 'stopped, outbid', vast('stopped', { ...allStopped, is_bid: true }), 'preempted'],
  ['vastai', 'stopped otherwise', vast('stopped', { ...allStopped, is_bid: false }), 'stopped'],
  ['vastai', 'offline', vast('offline'), 'unreachable'],
];

describe('a machine', () => {
  test.each(STATES)('at %s that is %s', async (provider, _, answer, phase) => {
    const machines = await aConnector(provider, { '': answer }).connector.list('tp-');

    expect(machines.map((machine) => machine.phase)).toEqual(phase === null ? [] : [phase]);
    expect(JSON.stringify(machines)).not.toContain('door-canary');
  });

  const MISSING: readonly [RentingProvider, Answer][] = [
    ['runpod', problem(404, 'pod not found')],
    ['lambda', lambdaError(404, 'global/object-does-not-exist')],
    ['vastai', vastError(404, 'no_such_instance')],
  ];

  test.each(MISSING)('at %s that is not there is gone, and to end it once more is fine', async (provider, answer) => {
    const { connector } = aConnector(provider, { '': answer });

    expect(await connector.find('7')).toBeNull();
    await connector.terminate('7');
  });

  test('at Vast.ai that was destroyed a moment ago is null in an answer of 200', async () => {
    expect(await aConnector('vastai', { '': json(200, { instances: null }) }).connector.find('7')).toBeNull();
  });

  test('that Vast.ai does not destroy is not believed to be gone', async () => {
    const { connector } = aConnector('vastai', { '': json(200, { success: false, msg: 'busy' }) });

    await expect(connector.terminate('7')).rejects.toMatchObject({ fault: 'unavailable' });
  });
});

test('a log that never ends is read for a while, and what came is kept', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1\ndata: {"ts":"x","source":"container","line":"no space left"}\n\ndata: {"cut of');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const connector = openConnector('runpod', KEY, { fetch, gate: OPEN_GATE, pause: async () => {} }, url);

  const lines = await connector.logs('p', 10);
  server.closeAllConnections();
  server.close();

  expect(lines).toEqual(['container: no space left', 'container: no space left']); // of the machine's own start, and of the container
});

test('a key goes to its own host alone: a redirect is not followed', async () => {
  let hasLeaked = false;
  const other = createServer((_, response) => {
    hasLeaked = true;
    response.end('{}');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const elsewhere = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  const first = createServer((_, response) => response.writeHead(307, { location: elsewhere }).end());
  await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
  const place = first.address();
  const url = `http://127.0.0.1:${typeof place === 'object' ? place?.port : ''}`;
  const connector = openConnector('lambda', KEY, { fetch, gate: OPEN_GATE, pause: async () => {} }, url);

  await expect(connector.check()).rejects.toMatchObject({ fault: 'unavailable' });
  for (const server of [first, other]) server.close();

  expect(hasLeaked).toBe(false);
});
