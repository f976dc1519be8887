/**
 * One OpenAPI 3.1 document of everything, made from the route tables: what a route says of itself, and what the chain before it answers.
 * A fuzzer that reads it finds no undocumented answer, so each status that the chain can give stands on each route that it can hit.
 */
import * as z from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathItemObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import type { ErrorCode } from '#domain/errors.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Links, Route } from './route.ts';
import { ERROR_TITLES, type Surface } from './surface.ts';

export interface OpenApiOptions {
  /** false: this plane asks for no token, and the document must not say it does */
  readonly tokenRequired: boolean;
  /** what this plane has, by the names that schemas mark with `available`; without it all that any plane could have */
  readonly available?: Readonly<Record<string, readonly string[]>>;
}

const DESCRIPTION = `A control plane for fine-tuning language models: several APIs, one truth. A run made through any of them can be read and stopped through the others.

Every error is JSON with \`error\` (a short message), \`detail\` (a sentence) and \`code\` (stable, for programs). On AWS, API Gateway itself answers
413 above 10 MB, 429 and some 5xx with \`{"message": ...}\`.

POST requests that make or change something honour \`Idempotency-Key\` for 24 hours.`;

const gatewayErrorSchema = z
  .looseObject({ message: z.string() })
  .meta({ id: 'GatewayError', description: "API Gateway's own answer; a plane on one machine never gives it" });

const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x20-\x7e]+$/)
    .optional()
    .meta({ description: 'the same key with the same body within 24 h is answered with the first answer and does nothing' }),
});

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: "the plane's token (TRAINER_API_TOKEN)" },
  trainerToken: { type: 'apiKey', in: 'header', name: 'X-TRAINER-TOKEN', description: 'the same token' },
} as const;

const MACHINE_SCHEME = {
  machineToken: { type: 'http', scheme: 'bearer', description: 'the bootstrap or session token of an attempt, or the token of a worker' },
} as const;

export type OpenApiDocument = ReturnType<typeof createDocument>;

/** @throws Error where a route's schemas cannot be documented: a fault of ours, found by the tests */
export function buildOpenApi(surfaces: readonly Surface[], options: OpenApiOptions = { tokenRequired: true }): OpenApiDocument {
  const paths: Record<string, ZodOpenApiPathItemObject> = {};
  for (const surface of surfaces) {
    for (const route of surface.routes) {
      if (route.hidden) continue;
      const path = route.path.replace('+}', '}');
      paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(surface, route, options) };
    }
  }
  return createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'Tuneplane',
        version: packageJson.version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: surfaces.map(({ name, description }) => ({ name, description })),
      paths,
      components: toComponents(surfaces, options),
    },
    {
      override: ({ jsonSchema, io }) => {
        // Our answers may grow fields; a client made from this document must not break on them.
        if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
        if (io === 'input' && isFreeText(jsonSchema)) jsonSchema.pattern = '^[^\\u0000]*$';
        narrow(jsonSchema, options.available);
      },
    },
  );
}

function toComponents(surfaces: readonly Surface[], { tokenRequired }: OpenApiOptions) {
  const hasMachines = surfaces.some(({ routes }) => routes.some(({ auth }) => auth === 'machine'));
  const securitySchemes = { ...(tokenRequired && SECURITY_SCHEMES), ...(hasMachines && MACHINE_SCHEME) };
  return Object.keys(securitySchemes).length > 0 ? { securitySchemes } : {};
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** The chain takes no NUL, wherever it stands. */
const isFreeText = ({ type, pattern, enum: values, const: value, format }: JsonSchema): boolean =>
  type === 'string' && pattern === undefined && values === undefined && value === undefined && format === undefined;

/** What only some planes have is described as this one has it. */
function narrow(schema: JsonSchema, available: OpenApiOptions['available']): void {
  const values = available?.[String(schema['available'])];
  delete schema['available'];
  if (values === undefined) return;
  const choice = values.length > 0 ? { enum: [...values] } : { not: {} };
  if (schema.type !== 'object') {
    Object.assign(schema, choice);
    return;
  }
  schema.additionalProperties = choice;
  delete schema['example'];
}

function describeRoute(surface: Surface, route: Route, { tokenRequired }: OpenApiOptions): ZodOpenApiOperationObject {
  const { params, query, body } = route.schemas;
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.description && { description: route.description }),
    tags: [surface.name],
    ...(route.auth === 'machine' && { security: [{ machineToken: [] }] }),
    ...(tokenRequired && route.auth !== 'machine' && { security: route.auth === 'open' ? [] : [{ bearer: [] }, { trainerToken: [] }] }),
    requestParams: {
      ...(params && { path: asPath(asObject(params, route)) }),
      ...(query && { query: asObject(query, route) }),
      ...(route.effect && { header: idempotencyHeader }),
    },
    ...(body && {
      requestBody: {
        required: true,
        content: {
          'application/json': { schema: body, ...(route.examples && { examples: toExamples(route.examples) }) },
          ...Object.fromEntries((route.consumes ?? []).map((type) => [type, { schema: z.string() }])),
        },
      },
    }),
    responses: { ...describeErrors(surface, route, tokenRequired), ...describeReplies(route) },
  };
}

function asObject(schema: z.ZodType, route: Route): z.ZodObject {
  if (schema instanceof z.ZodObject) return schema;
  throw new Error(`${route.operationId}: path and query need an object schema`);
}

/** No slash or question mark reaches a parameter, encoded or not: API Gateway decodes the path before it parts it. */
function asPath(params: z.ZodObject): z.ZodObject {
  const bound = (schema: z.core.$ZodType) =>
    schema instanceof z.ZodString && z.toJSONSchema(schema).pattern === undefined
      ? schema
          .min(1)
          .regex(/^[^/?]+$/)
          .meta({ ...schema.meta() })
      : schema;
  return z.object(Object.fromEntries(Object.entries(params.shape).map(([name, schema]) => [name, bound(schema)])));
}

const toExamples = (examples: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]));

type Responses = Record<`${1 | 2 | 3 | 4 | 5}${string}`, ZodOpenApiResponseObject>;

function describeReplies(route: Route): Responses {
  const responses: Responses = {};
  for (const [status, reply] of Object.entries(route.replies)) {
    const headers = { ...(route.effect && { 'idempotency-replayed': REPLAYED }), ...reply.headers };
    const content = reply.schema ?? reply.contentType;
    responses[asStatus(status)] = {
      description: reply.description,
      headers: z.object(
        Object.fromEntries(
          Object.entries(headers).map(([name, header]) => [name, header.schema.optional().meta({ description: header.description })]),
        ),
      ),
      ...(reply.links && { links: describeLinks(reply.links) }),
      ...(content && {
        content: {
          [reply.contentType ?? 'application/json']: {
            ...(reply.schema && { schema: reply.schema }),
            ...(reply.example !== undefined && { example: reply.example }),
          },
          ...(reply.alsoAs && { [reply.alsoAs]: { schema: z.string() } }),
        },
      }),
    };
  }
  return responses;
}

const describeLinks = (links: Links) =>
  Object.fromEntries(
    Object.entries(links).map(([operationId, pointers]) => [
      operationId,
      {
        operationId,
        parameters: Object.fromEntries(Object.entries(pointers).map(([name, pointer]) => [name, `$response.body#${pointer}`])),
      },
    ]),
  );

const REPLAYED = {
  description: 'this is the stored answer to an earlier request with the same Idempotency-Key',
  schema: z.literal('true'),
};

function asStatus(status: string | number): keyof Responses {
  const first = Number(String(status)[0]);
  if (first === 1 || first === 2 || first === 3 || first === 4 || first === 5) return `${first}${String(status).slice(1)}`;
  throw new Error(`not a status: ${status}`);
}

/** What the chain can answer before and around this route, and what the route itself says it may throw. */
export function errorCodesOf(route: Route, tokenRequired = true): ErrorCode[] {
  const { params, query, body } = route.schemas;
  const codes: (ErrorCode | false | undefined)[] = [
    (params !== undefined || query !== undefined || body !== undefined || route.effect !== undefined) && 'invalid_request',
    ((tokenRequired && route.auth === 'token') || route.auth === 'machine') && 'unauthorized',
    route.method !== 'GET' && 'payload_too_large',
    ...(route.effect ? (['idempotency_key_reused', 'idempotency_in_flight'] as const) : []),
    ...(params ? (['route_not_found', 'method_not_allowed'] as const) : []), // a parameter with an encoded slash in it is another path
    ...(route.errors ?? []),
    'internal',
    'plane_busy',
  ];
  return [...new Set(codes.filter((code) => code !== false && code !== undefined))];
}

function describeErrors(surface: Surface, route: Route, tokenRequired: boolean): Responses {
  const { status, schema } = surface.errors;
  const responses: Responses = {
    429: { description: "too many requests; API Gateway's own answer", content: { 'application/json': { schema: gatewayErrorSchema } } },
  };
  const byStatus = Map.groupBy(errorCodesOf(route, tokenRequired), (code) => status[code]);
  for (const [number, codes] of byStatus) {
    responses[asStatus(number)] = {
      description: codes.map((code) => `${ERROR_TITLES[code]} (\`${code}\`)`).join(', '),
      headers: z.object(
        Object.fromEntries(
          codes
            .flatMap((code) => ERROR_HEADERS[code] ?? [])
            .map((header) => [header.name, z.string().optional().meta({ description: header.description })]),
        ),
      ),
      content: { 'application/json': { schema } },
    };
  }
  return responses;
}

const RETRY_AFTER = { name: 'retry-after', description: 'seconds' };
const SHOULD_RETRY = { name: 'x-should-retry', description: '`false`: the same request will be refused again' };

const ERROR_HEADERS: Partial<Record<ErrorCode, { name: string; description: string }>> = {
  transition_refused: SHOULD_RETRY,
  name_taken: SHOULD_RETRY,
  not_submitted: SHOULD_RETRY,
  idempotency_key_reused: SHOULD_RETRY,
  idempotency_in_flight: RETRY_AFTER,
  plane_busy: RETRY_AFTER,
  method_not_allowed: { name: 'allow', description: 'what the path answers' },
  unauthorized: { name: 'www-authenticate', description: 'how to authenticate' },
};
