import { describe, expect, test } from 'vitest';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import type { Ports } from '#ports/ports.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { gatewayEvent, lambdaContext } from '../support/gateway-event.ts';
import { lanternSurface } from '../support/lantern-surface.ts';
import { MemoryPlane } from '../support/memory-plane.ts';
import { portsWith } from '../support/ports-with.ts';

function openPlatform(ports: Partial<Ports> = {}) {
  const access = { tokens: ['right'], allowedOrigins: [] };
  const logged: Readonly<Record<string, unknown>>[] = [];
  const handle = createSurfaceHandler(
    createPlatformSurface([lanternSurface], access),
    portsWith(ports),
    access,
    (line) => void logged.push(line),
  );
  return {
    logged,
    get: async (path: string, headers: Record<string, string> = {}) => {
      const file = /^\/docs\/assets\/(.+)$/.exec(path)?.[1];
      const place = file === undefined ? { path } : { path, route: '/docs/assets/{file}', params: { file } };
      const { statusCode: status, headers: sent = {}, body = '' } = await handle(gatewayEvent({ ...place, headers }), lambdaContext);
      return { status, headers: sent, body };
    },
  };
}

describe('health', () => {
  test.each([
    ['/health', { status: 'healthy', service: 'training-svc' }],
    ['/healthz', { status: 'ok' }],
  ])('%s answers as its document says, without a token', async (path, body) => {
    const answer = await openPlatform().get(path);

    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, body]);
  });

  test('/readyz says when the store does not answer, and logs why', async () => {
    const { get, logged } = openPlatform(); // no store at all

    const answer = await get('/readyz');

    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(JSON.parse(answer.body)).toEqual({ error: 'Busy', detail: 'the store does not answer', code: 'plane_busy' });
    expect(logged).toMatchObject([{ event: 'request-failed', route: '/readyz' }]);
  });
});

describe('the documentation', () => {
  test('has every API and the platform itself', async () => {
    const { settings } = new MemoryPlane().ports;
    const document = JSON.parse((await openPlatform({ settings }).get('/openapi.json')).body);

    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/lanterns', '/health', '/openapi.json']));
    expect(Object.keys(document.paths)).not.toContain('/docs/assets/{file}');
  });

  test.each(['/docs', '/redoc'])('%s is a page that names no other server and runs nothing inline', async (path) => {
    const { headers, body } = await openPlatform().get(path);

    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(body).not.toMatch(/https?:|<script>|<script [^>]*>[^<]/);
  });

  test.each(['/docs', '/redoc'])('%s asks only for files that are there', async (path) => {
    const { get } = openPlatform();
    const files = [...(await get(path)).body.matchAll(/\/docs\/assets\/[\w.-]+/g)].map(([file]) => file);

    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect(await get(file), file).toMatchObject({ status: 200 });
  });

  test.each(['../package.json', '..%2fpackage.json', '/etc/passwd', '__proto__', 'swagger-ui.js', 'swagger-ui.css/..'])(
    'knows no file %j',
    async (name) => {
      expect((await openPlatform().get(`/docs/assets/${name}`)).status).toBe(404);
    },
  );

  test('sends a file compressed to those who can read it, and not at all to those who have it', async () => {
    const { get } = openPlatform();

    const compressed = await get('/docs/assets/swagger-ui.css', { 'accept-encoding': 'br, gzip' });
    const plain = await get('/docs/assets/swagger-ui.css', { 'accept-encoding': 'gzip;q=0' });
    const again = await get('/docs/assets/swagger-ui.css', { 'if-none-match': String(plain.headers.etag) });

    expect(compressed.headers['content-encoding']).toBe('gzip');
    expect(compressed.body.length).toBeLessThan(plain.body.length / 4);
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(again).toMatchObject({ status: 304, body: '' });
  });

  test('/ leads to /docs where no dashboard was built', async () => {
    expect(await openPlatform().get('/')).toMatchObject({ status: 302, headers: { location: '/docs' } });
    expect(await openPlatform().get('/assets/app.js')).toMatchObject({ status: 404 });
  });
});
