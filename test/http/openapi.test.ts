import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { buildOpenApi, errorCodesOf } from '#http/openapi.ts';
import type { Surface } from '#http/surface.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { lanternSurface } from '../support/lantern-surface.ts';

const access = { tokens: ['x'], allowedOrigins: [] };
const surfaces: readonly Surface[] = [createPlatformSurface([], access), lanternSurface];

/** As a client reads it: JSON, and nothing of our types. */
const operationSchema = z.looseObject({
  operationId: z.string(),
  tags: z.array(z.string()),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z
    .array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean().optional(), schema: z.looseObject({}) }))
    .optional(),
  requestBody: z.looseObject({ content: z.record(z.string(), z.looseObject({ schema: z.looseObject({}) })) }).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({
      description: z.string(),
      content: z.record(z.string(), z.looseObject({ schema: z.looseObject({}).optional() })).optional(),
    }),
  ),
});
const documentSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ version: z.string() }),
  servers: z.array(z.object({ url: z.string() })),
  tags: z.array(z.object({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({
    schemas: z.record(z.string(), z.looseObject({})),
    securitySchemes: z.record(z.string(), z.looseObject({})).optional(),
  }),
});

const read = (tokenRequired = true) => documentSchema.parse(JSON.parse(JSON.stringify(buildOpenApi(surfaces, { tokenRequired }))));

describe('the OpenAPI document', () => {
  test('is OpenAPI 3.1 of this version, relative to wherever it is served', () => {
    const document = read();

    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info.version).toBe(packageJson.version);
    expect(document.servers).toEqual([{ url: '/' }]);
    expect(document.tags.map(({ name }) => name)).toEqual(['platform', 'lanterns']);
  });

  test('has every route that is not hidden, under the tag of its API, each with an id of its own', () => {
    const { paths } = read();

    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, tags }]) => `${method} ${path} ${operationId} ${tags}`),
    );
    const expected = surfaces.flatMap(({ name, routes }) =>
      routes.filter((route) => !route.hidden).map((route) => `${route.method.toLowerCase()} ${route.path} ${route.operationId} ${name}`),
    );

    expect(documented.sort()).toEqual(expected.sort());
    expect(new Set(surfaces.flatMap(({ routes }) => routes.map((route) => route.operationId))).size).toBe(
      surfaces.flatMap(({ routes }) => routes).length,
    );
  });

  test('keeps every constraint of a body', () => {
    const schema = read().paths['/lanterns']?.post?.requestBody?.content['application/json']?.schema;

    expect(schema).toMatchObject({
      required: ['name'],
      additionalProperties: false,
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 20 },
        brightness: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
        learning_rate: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
        color: { enum: ['amber', 'green', 'violet'] },
        tags: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 5 } },
      },
    });
  });

  test('keeps every constraint of path, query and key', () => {
    const { paths } = read();

    expect(paths['/lanterns']?.get?.parameters).toMatchObject([
      { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 } },
      { name: 'color', in: 'query', schema: { enum: ['amber', 'green'] } },
    ]);
    expect(paths['/lanterns/{lantern_id}/light']?.post?.parameters).toMatchObject([
      { name: 'lantern_id', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 40, pattern: '^[^/?]+$' } },
      { name: 'Idempotency-Key', in: 'header', schema: { minLength: 1, maxLength: 255 } },
    ]);
  });

  test('leaves answers open, so that they may grow', () => {
    const schema = read().paths['/lanterns']?.post?.responses['201']?.content?.['application/json']?.schema;

    expect(schema).toMatchObject({ type: 'object', required: ['lantern_id', 'brightness'] });
    expect(schema).not.toHaveProperty('additionalProperties', false);
  });

  test('names every status that the chain and the route can give, in the words of the API', () => {
    const { paths } = read();

    for (const { routes, errors } of surfaces) {
      for (const route of routes.filter(({ hidden }) => !hidden)) {
        const responses = paths[route.path]?.[route.method.toLowerCase()]?.responses ?? {};
        const statuses = new Set(['429', ...Object.keys(route.replies), ...errorCodesOf(route).map((code) => String(errors.status[code]))]);

        expect(Object.keys(responses).sort(), route.operationId).toEqual([...statuses].sort());
      }
    }
    expect(paths['/lanterns']?.post?.responses['422']).toMatchObject({
      description: 'Invalid request (`invalid_request`), Idempotency key reused (`idempotency_key_reused`)',
      content: { 'application/json': { schema: { $ref: expect.stringContaining('LanternError') } } },
    });
    expect(Object.keys(paths['/lanterns']?.post?.responses ?? {})).toEqual(['201', '401', '409', '413', '422', '429', '500', '503']);
    expect(Object.keys(paths['/lanterns/{lantern_id}']?.get?.responses ?? {})).toEqual([
      '200',
      '401',
      '404',
      '405',
      '422',
      '429',
      '500',
      '503',
    ]);
  });

  test('asks for the token where the plane does, in either header', () => {
    const { paths, components } = read();

    expect(paths['/lanterns']?.get?.security).toEqual([{ bearer: [] }, { trainerToken: [] }]);
    expect(paths['/lanterns/hello']?.get?.security).toEqual([]);
    expect(components.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      trainerToken: { in: 'header', name: 'X-TRAINER-TOKEN' },
    });
  });

  test('asks for none where the plane does not', () => {
    const { paths, components } = read(false);

    expect(paths['/lanterns']?.get).not.toHaveProperty('security');
    expect(paths['/lanterns']?.get?.responses).not.toHaveProperty('401');
    expect(components).not.toHaveProperty('securitySchemes');
  });

  test('shows the examples of a body', () => {
    expect(read().paths['/lanterns']?.post?.requestBody?.content['application/json']).toMatchObject({
      examples: { amber: { value: { name: 'porch', color: 'amber' } } },
    });
  });

  test('has no reference that leads nowhere', () => {
    const document = read();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? '');

    expect(references.length).toBeGreaterThan(0);
    for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });
});
