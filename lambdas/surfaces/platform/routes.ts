import * as z from 'zod';
import { CONFIGURED_IMAGE } from '#domain/custom-program.ts';
import { DomainError } from '#domain/errors.ts';
import type { Channel } from '#http/asyncapi.ts';
import { createDashboardFiles } from '#http/dashboard-files.ts';
import { createAssetReader, redocPage, swaggerPage } from '#http/docs-pages.ts';
import { type RawReply, type Route, route } from '#http/route.ts';
import type { Surface } from '#http/surface.ts';

export interface PlatformOptions {
  /** asked at the first request for the document, not before: what makes the document is loaded then, too */
  readonly surfaces: () => Promise<readonly Surface[]>;
  readonly channels: readonly Channel[];
  readonly tokenRequired: boolean;
  readonly assetFolder: string | undefined;
  readonly dashboardFolder: string | undefined;
}

const HTML = { 200: { description: 'a page', contentType: 'text/html' } };

export function platformRoutes({ surfaces, channels, tokenRequired, assetFolder, dashboardFolder }: PlatformOptions): Route[] {
  const readAsset = createAssetReader(assetFolder);
  const dashboard = createDashboardFiles(dashboardFolder);
  let openApi: string | undefined;
  let asyncApi: string | undefined;

  return [
    route({
      method: 'GET',
      path: '/health',
      operationId: 'getHealth',
      summary: 'Is the service alive (training-svc)',
      auth: 'open',
      replies: { 200: { description: 'alive', schema: z.object({ status: z.literal('healthy'), service: z.literal('training-svc') }) } },
      handle: async () => ({ status: 200, body: { status: 'healthy', service: 'training-svc' } }),
    }),
    route({
      method: 'GET',
      path: '/healthz',
      operationId: 'getHealthz',
      summary: 'Is the service alive (unified trainer)',
      auth: 'open',
      replies: { 200: { description: 'alive', schema: z.object({ status: z.literal('ok') }) } },
      handle: async () => ({ status: 200, body: { status: 'ok' } }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      operationId: 'getReadiness',
      summary: 'Can the service do its work: does its store answer',
      auth: 'open',
      replies: { 200: { description: 'ready', schema: z.object({ status: z.literal('ready') }) } },
      handle: async (_, ports) => {
        try {
          await ports.runs.list({}, 1);
        } catch (error) {
          throw new DomainError('plane_busy', 'the store does not answer', {}, { cause: error });
        }
        return { status: 200, body: { status: 'ready' } };
      },
    }),
    route({
      method: 'GET',
      path: '/openapi.json',
      operationId: 'getOpenApi',
      summary: 'This document',
      auth: 'open',
      replies: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
      handle: async (_, { settings: { providers, secrets, allowedImages } }) => {
        const { buildOpenApi } = await import('#http/openapi.ts');
        const available = { providers, secrets, images: [CONFIGURED_IMAGE, ...allowedImages] };
        openApi ??= JSON.stringify(buildOpenApi(await surfaces(), { tokenRequired, available }));
        return { status: 200, contentType: 'application/json', headers: { 'cache-control': 'no-cache' }, raw: openApi };
      },
    }),
    route({
      method: 'GET',
      path: '/asyncapi.json',
      operationId: 'getAsyncApi',
      summary: 'What the plane pushes: WebSocket messages and events',
      auth: 'open',
      replies: { 200: { description: 'AsyncAPI 3', schema: z.looseObject({ asyncapi: z.string() }) } },
      handle: async () => {
        const { buildAsyncApi } = await import('#http/asyncapi.ts');
        asyncApi ??= JSON.stringify(buildAsyncApi(channels));
        return { status: 200, contentType: 'application/json', headers: { 'cache-control': 'no-cache' }, raw: asyncApi };
      },
    }),
    route({
      method: 'GET',
      path: '/docs',
      operationId: 'getDocs',
      summary: 'Swagger UI',
      auth: 'open',
      replies: HTML,
      handle: async () => swaggerPage(),
    }),
    route({
      method: 'GET',
      path: '/redoc',
      operationId: 'getRedoc',
      summary: 'ReDoc',
      auth: 'open',
      replies: HTML,
      handle: async () => redocPage(),
    }),
    route({
      method: 'GET',
      path: '/',
      operationId: 'getDashboard',
      summary: 'The dashboard; where none was built, to the documentation',
      auth: 'open',
      hidden: true,
      replies: { ...HTML, 302: { description: 'to /docs' } },
      handle: async ({ headers }) =>
        (await dashboard.page(headers)) ?? { status: 302, headers: { location: '/docs', 'cache-control': 'no-store' }, body: undefined },
    }),
    route({
      method: 'GET',
      path: '/assets/{file}',
      operationId: 'getDashboardAsset',
      summary: 'A file of the dashboard',
      auth: 'open',
      hidden: true,
      request: { params: z.object({ file: z.string() }) },
      replies: { 200: { description: 'a file' } },
      handle: async ({ params, headers }) => found(await dashboard.asset(params.file, headers)),
    }),
    route({
      method: 'GET',
      path: '/docs/assets/{file}',
      operationId: 'getDocsAsset',
      summary: 'A file of the pages',
      auth: 'open',
      hidden: true,
      request: { params: z.object({ file: z.string() }) },
      replies: { 200: { description: 'a file' } },
      handle: async ({ params, headers }) => found(await readAsset(params.file, headers)),
    }),
  ];
}

function found(file: RawReply | undefined): RawReply {
  if (!file) throw new DomainError('route_not_found', 'no such file');
  return file;
}
