import { createServer, type Server } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTokenCheck } from '#http/access.ts';
import { OidcIssuer } from '#http/oidc-issuer.ts';

const AUDIENCE = 'tuneplane';
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let server: Server;
let issuer: string;
/** what the issuer answers: its public keys, by their ids */
let published: Record<string, Pair>;
let asked: string[];
let status: number;

beforeEach(async () => {
  published = { first: await generateKeyPair('ES256') };
  asked = [];
  status = 200;
  server = createServer(async (request, response) => {
    asked.push(request.url ?? '');
    const keys = await Promise.all(
      Object.entries(published).map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })),
    );
    const body = request.url === '/keys' ? { keys } : { issuer, jwks_uri: `${issuer}/keys` };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(async () => {
  vi.useRealTimers();
  await new Promise((resolve) => server.close(resolve));
});

interface Told {
  readonly kid?: string;
  readonly by?: string;
  readonly audience?: string;
  readonly expires?: string | null;
  readonly subject?: string | null;
  readonly pair?: Pair;
}

function sign({ kid = 'first', by = issuer, audience = AUDIENCE, expires = '1h', subject = 'ada', pair }: Told = {}): Promise<string> {
  const token = new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(by).setAudience(audience).setIssuedAt();
  if (expires !== null) token.setExpirationTime(expires);
  if (subject !== null) token.setSubject(subject);
  const key = pair ?? published[kid];
  if (!key) throw new Error(`no key ${kid}`);
  return token.sign(key.privateKey);
}

const open = () => new OidcIssuer({ issuer, audience: AUDIENCE });

test('a token of the issuer names who shows it; the keys are asked for once', async () => {
  const oidc = open();

  expect(await oidc.subjectOf(await sign())).toBe('ada');
  expect(await oidc.subjectOf(await sign({ subject: 'grace' }))).toBe('grace');
  expect(asked).toEqual(['/.well-known/openid-configuration', '/keys']);
});

test.each<[string, Told]>([
  ['for somebody else', { audience: 'another' }],
  ['of another issuer', { by: 'https://elsewhere.example.com' }],
  ['that is over', { expires: '-2m' }],
  ['without an end', { expires: null }],
  ['of nobody', { subject: null }],
])('a token %s is refused', async (_, told) => {
  expect(await open().subjectOf(await sign(told))).toBeNull();
});

test('a token signed with a key that is not the issuer’s is refused, whatever id it claims', async () => {
  expect(await open().subjectOf(await sign({ pair: await generateKeyPair('ES256') }))).toBeNull();
});

test('neither a shared secret nor no signature at all is a signature', async () => {
  const { publicKey } = published['first'] as Pair;
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(publicKey)));
  const claims = new SignJWT({ sub: 'ada' }).setIssuer(issuer).setAudience(AUDIENCE).setExpirationTime('1h');
  const shared = await claims.setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(secret);
  const parts = (await sign()).split('.');
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${parts[1]}.`;

  expect(await open().subjectOf(shared)).toBeNull();
  expect(await open().subjectOf(none)).toBeNull();
});

test('a key that is new to the issuer is found; a flood of unknown ones is not passed on', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const oidc = open();
  await oidc.subjectOf(await sign());
  published['second'] = await generateKeyPair('ES256');

  expect(await oidc.subjectOf(await sign({ kid: 'second' }))).toBeNull();
  vi.setSystemTime(Date.now() + 31_000);
  expect(await oidc.subjectOf(await sign({ kid: 'second' }))).toBe('ada');
  expect(asked.filter((path) => path === '/keys').length).toBe(2);
});

test('an issuer that is away makes the plane busy, and says nothing of the token; later it is asked again', async () => {
  const oidc = open();
  const token = await sign();
  status = 500;

  await expect(oidc.subjectOf(token)).rejects.toMatchObject({ code: 'plane_busy' });
  status = 200;
  expect(await oidc.subjectOf(token)).toBe('ada');
});

test('a document of another issuer opens nothing', async () => {
  const own = issuer;
  const oidc = new OidcIssuer({ issuer: `${own}/`, audience: AUDIENCE });

  await expect(oidc.subjectOf(await sign())).rejects.toMatchObject({ code: 'plane_busy' });
});

test("the plane's own token is taken while the issuer is away, and a caller's keys for repeats are their own", async () => {
  const check = createTokenCheck({ tokens: ['own'], allowedOrigins: [], issuer: open() });
  const header = { authorization: `Bearer ${await sign()}` };

  expect(await check(header)).toBe('subject:ada');
  status = 500;
  expect(await check({ 'x-trainer-token': 'own' })).toBe('token');
  await expect(async () => check({ authorization: 'Bearer wrong' })).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(async () => check({ authorization: `Bearer ${await sign({ audience: 'another' })}` })).rejects.toMatchObject({
    code: 'unauthorized',
  });
});
