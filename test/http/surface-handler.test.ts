import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '#domain/errors.ts';
import { createDefaultHandler } from '#http/default-handler.ts';
import { VersionConflict } from '#ports/run-store.ts';
import { type GatewayRequest, gatewayEvent, lambdaContext } from '../support/gateway-event.ts';
import { openLanternHome } from '../support/lantern-home.ts';
import { lanternSurface } from '../support/lantern-surface.ts';

const light: GatewayRequest = {
  method: 'POST',
  path: '/lanterns/porch/light',
  route: '/lanterns/{lantern_id}/light',
  params: { lantern_id: 'porch' },
};
const look: GatewayRequest = { path: '/lanterns/porch', route: '/lanterns/{lantern_id}', params: { lantern_id: 'porch' } };

describe('an answer', () => {
  test('is JSON that nobody caches, with the id of its request', async () => {
    const { ask } = openLanternHome();

    const answer = await ask({ method: 'POST', body: { name: 'porch' }, requestId: 'req-7' });

    expect(answer).toMatchObject({ status: 201, json: { lantern_id: 'porch', brightness: 50 } });
    expect(answer.headers).toEqual({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      location: '/lanterns/porch',
      'x-request-id': 'req-7',
    });
  });

  test('to HEAD is that to GET without its body', async () => {
    const { ask } = openLanternHome();

    const [get, head] = [await ask({ path: '/lanterns/hello' }), await ask({ method: 'HEAD', path: '/lanterns/hello' })];

    expect(head).toEqual({ ...get, body: undefined, json: undefined });
  });

  test('to HEAD keeps its status when it is an error', async () => {
    const { ask } = openLanternHome();

    expect(await ask({ ...look, method: 'HEAD' })).toMatchObject({ status: 404, body: undefined });
  });
});

describe('the chain', () => {
  const everythingWrong = { method: 'POST', headers: { 'content-type': 'text/plain', 'idempotency-key': '' } };

  test('asks for the token before it looks at the body', async () => {
    const { ask } = openLanternHome({ access: { tokens: ['right'] } });

    expect((await ask({ ...everythingWrong, body: 'x'.repeat(200_000) })).json.code).toBe('unauthorized');
  });

  test('weighs the body before it parses it', async () => {
    const { ask } = openLanternHome();

    expect(await ask({ ...everythingWrong, body: 'x'.repeat(131_073) })).toMatchObject({
      status: 413,
      json: { code: 'payload_too_large' },
    });
    expect(await ask({ ...everythingWrong, body: 'x'.repeat(131_072) })).toMatchObject({ status: 422, json: { code: 'invalid_request' } });
  });

  test('takes a megabyte where a route names no other limit', async () => {
    const { ask } = openLanternHome();

    expect(await ask({ ...light, body: 'x'.repeat(1_048_577) })).toMatchObject({ status: 413 });
    expect(await ask({ ...light, body: 'x'.repeat(1_048_576) })).toMatchObject({ status: 422 }); // not too large, and no JSON
  });

  test('reports the problems of body and Idempotency-Key together', async () => {
    const { ask } = openLanternHome();

    const answer = await ask({ method: 'POST', headers: { 'idempotency-key': 'ü' }, body: { brightness: 0, learing_rate: 1 } });

    expect(answer).toMatchObject({ status: 422, json: { error: 'Invalid request', code: 'invalid_request' } });
    expect(answer.json.detail).toBe(
      "name: is required; brightness: must be 1 to 100, got 0; unknown key 'learing_rate', did you mean 'learning_rate'; Idempotency-Key: must be 1 to 255 printable ASCII characters, got 1",
    );
  });

  test('reports the problems of a query', async () => {
    const { ask } = openLanternHome();

    const answer = await ask({ query: { limit: '0', color: 'ambre' } });

    expect(answer.json.detail).toBe(
      "limit: must be 1 to 1000, got 0; color: must be one of amber, green, got 'ambre', did you mean 'amber'",
    );
  });

  test.each([
    ['malformed', '{'],
    ['missing', undefined],
    ['of another type', 'plain'],
  ])('answers a body that is %s with the validation status of the API', async (kind, body) => {
    const { ask } = openLanternHome();

    const headers = kind === 'of another type' ? { 'content-type': 'text/plain' } : {};

    expect(await ask({ method: 'POST', headers, body })).toMatchObject({ status: 422, json: { code: 'invalid_request' } });
  });

  test('takes no body, or an empty object, where the route has none; anything else is refused before it acts', async () => {
    const { ask, documents } = openLanternHome();
    documents.documents.set('lanterns/porch', { name: 'porch' });

    for (const body of ['{', '[]', '{"bogus":1}', 'null']) {
      expect(await ask({ ...light, body, headers: { 'content-type': 'application/json' } }), body).toMatchObject({ status: 422 });
    }
    expect(await ask({ ...light, body: 'x=1', headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 422 });
    expect(await ask({ ...light, body: '{}', headers: { 'content-type': 'application/json' } })).toMatchObject({
      status: 200,
      json: { lit: 1 },
    });
  });

  test('takes a body that API Gateway has wrapped in base64', async () => {
    const { handle } = openLanternHome();
    const event = gatewayEvent({
      method: 'POST',
      headers: { 'content-type': 'application/vnd.api+json' },
      body: Buffer.from('{"name":"porch"}').toString('base64'),
    });

    expect(await handle({ ...event, isBase64Encoded: true }, lambdaContext)).toMatchObject({ statusCode: 201 });
  });

  test('knows no route but those of its table, and none with a slash too many', async () => {
    const { ask } = openLanternHome();

    expect(await ask({ path: '/lanterns', route: null })).toMatchObject({ status: 404, json: { code: 'route_not_found' } });
    expect(await ask({ path: '/lanterns/', route: '/lanterns' })).toMatchObject({ status: 404, json: { code: 'route_not_found' } });
  });
});

describe('the token', () => {
  const access = { tokens: ['current', 'previous'] };

  test.each([
    ['as X-TRAINER-TOKEN', { 'x-trainer-token': 'current' }],
    ['as Bearer', { authorization: 'Bearer current' }],
    ['as bearer, in any case', { authorization: 'bearer  current' }],
    ['in its previous version', { 'x-trainer-token': 'previous' }],
  ])('is taken %s', async (_, headers) => {
    const { ask } = openLanternHome({ access });

    expect(await ask({ headers })).toMatchObject({ status: 200 });
  });

  test.each([
    ['missing', {}, 'a token is required, as X-TRAINER-TOKEN or Authorization: Bearer'],
    ['another', { 'x-trainer-token': 'currenT' }, 'the token is not valid'],
    ['empty', { 'x-trainer-token': '' }, 'the token is not valid'],
    ['a part of the right one', { authorization: 'Bearer curren' }, 'the token is not valid'],
    ['of another scheme', { authorization: 'Basic current' }, 'a token is required, as X-TRAINER-TOKEN or Authorization: Bearer'],
  ])('is refused when %s', async (_, headers, detail) => {
    const { ask } = openLanternHome({ access });

    const answer = await ask({ headers });

    expect(answer).toMatchObject({ status: 401, json: { error: 'Unauthorized', detail, code: 'unauthorized' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="tuneplane"');
  });

  test('is not asked for on open routes, nor where the plane has none', async () => {
    expect(await openLanternHome({ access }).ask({ path: '/lanterns/hello' })).toMatchObject({ status: 200 });
    expect(await openLanternHome().ask({})).toMatchObject({ status: 200 });
  });
});

describe('an error', () => {
  test('has the words and the fields of its API', async () => {
    const { ask } = openLanternHome();

    expect((await ask(look)).json).toEqual({
      error: 'Lantern not found',
      detail: "no lantern 'porch'",
      code: 'run_not_found',
      lantern_id: 'porch',
    });
  });

  test('of state is never worth a retry', async () => {
    const { ask } = openLanternHome();

    const answer = await ask({ method: 'POST', body: { name: 'refused' } });

    expect(answer).toMatchObject({ status: 409, json: { code: 'transition_refused' } });
    expect(answer.headers['x-should-retry']).toBe('false');
  });

  test('that nobody foresaw says nothing, and is logged with its text and the request', async () => {
    const { ask, logged } = openLanternHome();

    const answer = await ask({ method: 'POST', body: { name: 'broken' }, requestId: 'req-9' });

    expect(answer).toMatchObject({ status: 500, json: { error: 'Internal error', code: 'internal' } });
    expect(answer.body).toContain('req-9');
    expect(answer.body).not.toContain('secret text');
    expect(logged).toMatchObject([
      { event: 'request-failed', requestId: 'req-9', method: 'POST', route: '/lanterns', message: 'secret text of a library' },
    ]);
  });

  test('of two writers at once is the plane being busy for a second', async () => {
    const { ask, logged } = openLanternHome({
      ports: {
        documents: {
          change: () => Promise.resolve(),
          put: () => Promise.reject(new VersionConflict('run_1')),
          get: () => Promise.resolve(null),
          list: () => Promise.resolve([]),
          take: () => Promise.resolve(null),
          expire: () => Promise.resolve(),
        },
      },
    });

    const answer = await ask({ method: 'POST', body: { name: 'porch' } });

    expect(answer).toMatchObject({ status: 503, json: { code: 'plane_busy' } });
    expect(answer.headers['retry-after']).toBe('1');
    expect(logged).toEqual([]);
  });

  test('has a status in every API, whatever its code', () => {
    for (const code of ERROR_CODES) expect(lanternSurface.errors.status[code]).toBeGreaterThanOrEqual(400);
  });
});

describe('cross-origin calls', () => {
  test('get no headers until the operator names an origin', async () => {
    const { ask } = openLanternHome();

    expect((await ask({ headers: { origin: 'https://app.example.com' } })).headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('get the name of an allowed origin, on errors too', async () => {
    const { ask } = openLanternHome({ access: { allowedOrigins: ['https://app.example.com'], tokens: ['x'] } });

    const answer = await ask({ headers: { origin: 'https://app.example.com' } });

    expect(answer).toMatchObject({ status: 401, headers: { 'access-control-allow-origin': 'https://app.example.com', vary: 'origin' } });
  });

  test('of another origin get none', async () => {
    const { ask } = openLanternHome({ access: { allowedOrigins: ['https://app.example.com'] } });

    expect((await ask({ headers: { origin: 'https://evil.example.com' } })).headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('what no route takes', () => {
  const handle = createDefaultHandler([lanternSurface], { tokens: ['right'], allowedOrigins: ['https://app.example.com'] });
  const ask = async (request: GatewayRequest) => {
    const { statusCode: status, headers = {}, body } = await handle(gatewayEvent({ ...request, route: null }), lambdaContext);
    return { status, headers, json: body ? JSON.parse(body) : undefined };
  };

  test('an unknown path is 404', async () => {
    expect(await ask({ path: '/lamps' })).toMatchObject({
      status: 404,
      json: { error: 'Not found', detail: 'no route GET /lamps', code: 'route_not_found' },
    });
  });

  test('an unknown path below those of an API is 404 with its fields', async () => {
    expect(await ask({ path: '/lanterns//porch' })).toMatchObject({ status: 404, json: { code: 'route_not_found', lantern_id: null } });
  });

  test('a slash too many is 404 with a hint', async () => {
    expect((await ask({ path: '/lanterns/' })).json.detail).toBe('no route GET /lanterns/, did you mean /lanterns');
  });

  test('another method is 405 with those that there are, in the words of the API', async () => {
    const answer = await ask({ method: 'DELETE', path: '/lanterns/porch' });

    expect(answer).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, OPTIONS' },
      json: { code: 'method_not_allowed', lantern_id: 'porch' },
    });
  });

  test('OPTIONS says what a path answers, and no token is asked for', async () => {
    expect(await ask({ method: 'OPTIONS' })).toMatchObject({
      status: 204,
      headers: { allow: 'GET, HEAD, POST, OPTIONS' },
      json: undefined,
    });
    expect(await ask({ method: 'OPTIONS', path: '/lamps' })).toMatchObject({ status: 404 });
  });

  test("a browser's preflight is answered for an allowed origin", async () => {
    const answer = await ask({
      method: 'OPTIONS',
      headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
    });

    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
      'access-control-allow-headers': 'content-type, authorization, x-trainer-token, idempotency-key',
    });
  });

  test('every answer has the id of its request', async () => {
    expect((await ask({ path: '/lamps', requestId: 'req-3' })).headers['x-request-id']).toBe('req-3');
  });
});
