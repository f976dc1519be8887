import { describe, expect, test } from 'vitest';
import { KEPT_MILLIS, STALE_MILLIS } from '#http/idempotency.ts';
import type { GatewayRequest } from '../support/gateway-event.ts';
import { openLanternHome } from '../support/lantern-home.ts';

const keyed = (request: GatewayRequest, key = 'key-1'): GatewayRequest => ({
  ...request,
  headers: { ...request.headers, 'idempotency-key': key },
});
const make = (body: unknown = { name: 'porch' }): GatewayRequest => ({ method: 'POST', path: '/lanterns', body });
const light = (id = 'porch'): GatewayRequest => ({
  method: 'POST',
  path: `/lanterns/${id}/light`,
  route: '/lanterns/{lantern_id}/light',
  params: { lantern_id: id },
});

function openWithLantern() {
  const home = openLanternHome();
  home.documents.documents.set('lanterns/porch', { name: 'porch' });
  return home;
}

describe('a retry with the same key and body', () => {
  test('of a create is answered with the first answer and makes nothing', async () => {
    const { ask, documents } = openLanternHome();

    const first = await ask(keyed(make()));
    documents.documents.clear();
    const second = await ask(keyed({ ...make(), requestId: 'req-2' }));

    expect(second).toMatchObject({
      status: 201,
      body: first.body,
      headers: { location: '/lanterns/porch', 'idempotency-replayed': 'true', 'x-request-id': 'req-2' },
    });
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect(documents.documents.size).toBe(0);
  });

  test('of an action is answered with the first answer and does nothing', async () => {
    const { ask } = openWithLantern();

    await ask(keyed(light()));
    const second = await ask(keyed(light()));

    expect(second).toMatchObject({ status: 200, json: { lit: 1 }, headers: { 'idempotency-replayed': 'true' } });
  });

  test('replays a refusal too', async () => {
    const { ask, documents } = openLanternHome();

    await ask(keyed(light()));
    documents.documents.set('lanterns/porch', { name: 'porch' });
    const second = await ask(keyed(light()));

    expect(second).toMatchObject({
      status: 404,
      json: { code: 'run_not_found', lantern_id: 'porch' },
      headers: { 'idempotency-replayed': 'true' },
    });
  });

  test('replays the refusal of a create, with its headers', async () => {
    const { ask } = openLanternHome();

    await ask(keyed(make({ name: 'refused' })));
    const second = await ask(keyed(make({ name: 'refused' })));

    expect(second).toMatchObject({ status: 409, headers: { 'x-should-retry': 'false', 'idempotency-replayed': 'true' } });
  });

  test('does the work again after 24 hours', async () => {
    const { ask, clock } = openWithLantern();

    await ask(keyed(light()));
    clock.advance(KEPT_MILLIS);
    const atTheEnd = await ask(keyed(light()));
    clock.advance(1);
    const after = await ask(keyed(light()));

    expect([atTheEnd.json, after.json]).toEqual([{ lit: 1 }, { lit: 2 }]);
  });

  test('makes a second thing after 24 hours', async () => {
    const { ask, clock, documents } = openLanternHome();

    await ask(keyed(make()));
    documents.documents.clear();
    clock.advance(KEPT_MILLIS + 1);
    const second = await ask(keyed(make()));

    expect(second.headers).not.toHaveProperty('idempotency-replayed');
    expect(documents.documents.size).toBe(1);
  });
});

describe('the same key', () => {
  test('with another body is refused', async () => {
    const { ask, documents } = openLanternHome();

    await ask(keyed(make()));
    const second = await ask(keyed(make({ name: 'gate' })));

    expect(second).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' }, headers: { 'x-should-retry': 'false' } });
    expect([...documents.documents.keys()]).toEqual(['lanterns/porch']);
  });

  test.each([
    ['on another path', light('gate')],
    ['with another method and path', make({ name: 'gate' })],
  ])('is another key %s', async (_, other) => {
    const { ask, documents } = openWithLantern();
    documents.documents.set('lanterns/gate', { name: 'gate' });

    await ask(keyed(light()));

    expect((await ask(keyed(other))).headers).not.toHaveProperty('idempotency-replayed');
  });

  test('is another key for another caller', async () => {
    const open = openWithLantern();
    await open.ask(keyed(light()));

    const closed = openLanternHome({ access: { tokens: ['right'] }, ports: { answers: open.answers, documents: open.documents } });
    const answer = await closed.ask(keyed({ ...light(), headers: { 'x-trainer-token': 'right' } }));

    expect(answer.json).toEqual({ lit: 2 });
  });

  test('is the same key across a rotation of the token', async () => {
    const { ask } = openLanternHome({ access: { tokens: ['new', 'old'] } });

    await ask(keyed({ ...make(), headers: { 'x-trainer-token': 'old' } }));
    const retried = await ask(keyed({ ...make(), headers: { 'x-trainer-token': 'new' } }));

    expect(retried.headers['idempotency-replayed']).toBe('true');
  });

  test('counts for nothing on a GET', async () => {
    const { ask, answers } = openLanternHome();

    await ask(keyed({}));

    expect(answers.records.size).toBe(0);
  });
});

describe('while the first call is in flight', () => {
  /** A key that is held by a call that never comes back. */
  async function holdKey() {
    const home = openWithLantern();
    const put = home.documents.put.bind(home.documents);
    await new Promise<void>((reached) => {
      home.documents.put = () => {
        reached();
        return new Promise(() => {});
      };
      void home.ask(keyed(light()));
    });
    home.documents.put = put;
    return home;
  }

  test('a retry is told to wait', async () => {
    const { ask, clock } = await holdKey();

    clock.advance(STALE_MILLIS);
    const answer = await ask(keyed(light()));

    expect(answer).toMatchObject({ status: 409, json: { code: 'idempotency_in_flight' }, headers: { 'retry-after': '1' } });
    expect(answer.headers).not.toHaveProperty('x-should-retry');
  });

  test('a retry with another body is refused all the same', async () => {
    const { ask } = await holdKey();

    expect(await ask(keyed({ ...light(), body: {} }))).toMatchObject({ status: 422, json: { code: 'idempotency_key_reused' } });
  });

  test('a retry runs the action again once 30 seconds have passed, and its answer is kept', async () => {
    const { ask, clock } = await holdKey();

    clock.advance(STALE_MILLIS + 1);
    const second = await ask(keyed(light()));
    const third = await ask(keyed(light()));

    expect([second.status, second.headers['idempotency-replayed']]).toEqual([200, undefined]);
    expect([third.status, third.headers['idempotency-replayed']]).toEqual([200, 'true']);
  });
});

describe('what is not kept', () => {
  test('a failed validation: the key may be used with a better body', async () => {
    const { ask, answers } = openLanternHome();

    const bad = await ask(keyed(make({ name: '' })));
    const good = await ask(keyed(make({ name: 'porch' })));

    expect([bad.status, good.status]).toEqual([422, 201]);
    expect(answers.records.size).toBe(1);
  });

  test.each([
    ['a validation that the handler itself makes', 'unfit', 422],
    ['a plane that was busy', 'busy', 503],
    ['an error of ours: the key may be used again at once', 'broken', 500],
  ])('%s', async (_, name, status) => {
    const { ask, answers } = openLanternHome();

    const answer = await ask(keyed(make({ name })));

    expect(answer.status).toBe(status);
    expect(answers.records.size).toBe(0);
  });

  test('an error of ours in an action', async () => {
    const { ask, answers, documents } = openWithLantern();
    documents.documents.set('lanterns/porch', { lit: 'not a number' });

    const answer = await ask(keyed(light()));

    expect(answer.status).toBe(500);
    expect(answers.records.size).toBe(0);
  });

  test('anything without a key', async () => {
    const { ask, answers } = openLanternHome();

    await ask(make());
    await ask(light());

    expect(answers.records.size).toBe(0);
  });

  test.each([
    ['empty', ''],
    ['longer than 255', 'k'.repeat(256)],
    ['not printable', 'a\tb'],
    ['not ASCII', 'schlüssel'],
  ])('a key that is %s is refused', async (_, key) => {
    const { ask } = openLanternHome();

    expect(await ask(keyed(make(), key))).toMatchObject({ status: 422, json: { code: 'invalid_request' } });
  });

  test('a key of 255 characters is taken', async () => {
    expect(await openLanternHome().ask(keyed(make(), 'k'.repeat(255)))).toMatchObject({ status: 201 });
  });
});

describe('of twenty calls at once with one key', () => {
  test('one creates; all are answered with its answer', async () => {
    const { ask, documents } = openLanternHome();
    let puts = 0;
    const put = documents.put.bind(documents);
    documents.put = async (...row) => {
      await Promise.resolve(); // every call is past its look-up before the first one stores
      await put(...row);
      puts += 1;
    };

    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(keyed(make()))));

    expect(puts).toBe(1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(
      new Set(['201 {"lantern_id":"porch","brightness":50}']),
    );
    expect(answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true')).toHaveLength(19);
  });

  test('one acts; the others are told to wait or get its answer', async () => {
    const { ask, documents } = openWithLantern();

    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(keyed(light()))));

    expect(documents.documents.get('lanterns/porch')).toEqual({ name: 'porch', lit: 1 });
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(answers.every(({ status, json }) => (status === 200 ? json.lit === 1 : json.code === 'idempotency_in_flight'))).toBe(true);
  });

  test('and different bodies, one creates and the losers are refused', async () => {
    const { ask, documents } = openLanternHome();

    const answers = await Promise.all(['porch', 'gate'].map((name) => ask(keyed(make({ name })))));

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 422]);
    expect(documents.documents.size).toBe(1);
  });
});
