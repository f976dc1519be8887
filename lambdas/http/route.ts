/**
 * Routes are data: dispatch, API Gateway's routes, the OpenAPI document, the local server and the tests are all made from them.
 * `route()` ties the schemas to the handler: inside `handle` every part of the request has the type that its schema gives.
 */
import * as z from 'zod';
import type { ErrorCode, Problem } from '#domain/errors.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { findProblems } from './validation.ts';

export const DEFAULT_MAX_BODY_BYTES = 1_048_576;
/** A request that starts a run: 128 KiB hold 20 sample prompts, a chat template and every hyperparameter a hundred times over. */
export const RUN_REQUEST_MAX_BODY_BYTES = 131_072;

export type Auth = 'token' | 'open' | 'machine';
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Headers = Readonly<Record<string, string>>;

/** `body` is what JSON.stringify takes; undefined sends none (204). */
export interface JsonReply {
  readonly status: number;
  readonly headers?: Headers;
  readonly body: unknown;
}

/** Sent as it stands: pages, scripts, files. Never stored for an Idempotency-Key. */
export interface RawReply {
  readonly status: number;
  readonly headers?: Headers;
  readonly contentType: string;
  readonly raw: string | Uint8Array;
}

export type Reply = JsonReply | RawReply;

/** What a handler gets beside the parsed parts. */
export interface RequestContext {
  /** goes out as `x-request-id`, and stands in the log */
  readonly id: string;
  /** who asks, as far as the token tells: the scope of an Idempotency-Key */
  readonly caller: string;
  readonly method: string;
  /** as sent: `/api/sft/jobs` and `limit=10&after=run_...`; what a `Link` header is made of */
  readonly path: string;
  readonly search: string;
  /** lower-case names */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /**
   * The reply as it will be sent, for the transaction of the create itself: `runs.create(run, events, request.remember(reply))`.
   * Undefined without an Idempotency-Key. A VersionConflict must escape: the chain then answers with the winner's stored reply.
   */
  readonly remember: (reply: JsonReply) => Remembered | undefined;
}

export interface RouteRequest<Params, Query, Body> extends RequestContext {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** For the OpenAPI document: what a status means and holds. No schema: no body, or not JSON. */
export interface ReplyDescription {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly contentType?: string;
  /** a second type that the same status may come as, where the request asks for it */
  readonly alsoAs?: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: z.ZodType }>>;
  readonly example?: unknown;
  /** what can be done next with what came: parameters by operation, each a JSON Pointer into the body */
  readonly links?: Links;
}
export type Links = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface RouteFacts {
  readonly method: Method;
  /** `/api/sft/jobs/{job_id}`: a parameter is a whole segment; one greedy `{name+}` may end it */
  readonly path: string;
  /** unique in the whole plane, camelCase: client generators make method names of it */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** statuses of success; the errors' come from the surface */
  readonly replies: Readonly<Record<number, ReplyDescription>>;
  /** what the handler itself may throw, for the document; what the chain throws is known: validation, token, size, key, busy, internal */
  readonly errors?: readonly ErrorCode[];
  /** A POST that makes something (`creates`: its answer is stored in its own transaction) or changes something (`acts`) honours Idempotency-Key. */
  readonly effect?: 'creates' | 'acts';
  /** for who sends more than `maxBodyBytes`: what to do instead, after a colon */
  readonly whenTooLarge?: string;
  /** left out of the OpenAPI document: files of the pages */
  readonly hidden?: true;
}

export interface RouteDefinition<Params, Query, Body> extends RouteFacts {
  /** `open` asks for no token; `machine`: for the token of a machine, which the route's operation checks; `token` by default */
  readonly auth?: Auth;
  readonly maxBodyBytes?: number;
  /** Objects of strings for params and query (`wholeNumber` for numbers). Without a body schema a body is not looked at. */
  readonly request?: { readonly params?: z.ZodType<Params>; readonly query?: z.ZodType<Query>; readonly body?: z.ZodType<Body> };
  /** media types taken beside JSON; their body reaches the schema as text */
  readonly consumes?: readonly string[];
  /** bodies to show in the document, by name */
  readonly examples?: Readonly<Record<string, unknown>>;
  readonly handle: (request: RouteRequest<Params, Query, Body>, ports: Ports) => Promise<Reply>;
}

/** The parts of a request before any schema has seen them. */
export interface RequestParts {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  /** parsed JSON; undefined where there is none */
  readonly body: unknown;
  /** why there is no body to look at: malformed, of another type, missing */
  readonly bodyProblem?: Problem;
}

export type Call = (context: RequestContext, ports: Ports) => Promise<Reply>;

export interface Route extends RouteFacts {
  readonly auth: Auth;
  readonly maxBodyBytes: number;
  readonly schemas: { readonly params?: z.ZodType; readonly query?: z.ZodType; readonly body?: z.ZodType };
  readonly consumes?: readonly string[];
  readonly examples?: Readonly<Record<string, unknown>>;
  /** All parts at once: every problem there is, or the call, ready to be made. */
  readonly check: (parts: RequestParts) => { readonly problems: readonly Problem[] } | { readonly call: Call };
}

export function route<Params = unknown, Query = unknown, Body = unknown>(definition: RouteDefinition<Params, Query, Body>): Route {
  const { request = {}, handle, auth = 'token', maxBodyBytes = DEFAULT_MAX_BODY_BYTES, ...facts } = definition;
  // Without a schema the part passes as it is.
  const paramsSchema: z.ZodType<Params> = request.params ?? z.custom<Params>();
  const querySchema: z.ZodType<Query> = request.query ?? z.custom<Query>();
  const bodySchema: z.ZodType<Body> = request.body ?? z.custom<Body>();
  return {
    ...facts,
    auth,
    maxBodyBytes,
    schemas: request,
    check(parts) {
      if (!parts.bodyProblem) {
        const params = paramsSchema.safeParse(parts.params);
        const query = querySchema.safeParse(parts.query);
        const body = bodySchema.safeParse(parts.body);
        if (params.success && query.success && body.success) {
          return { call: (context, ports) => handle({ ...context, params: params.data, query: query.data, body: body.data }, ports) };
        }
      }
      // Valid requests pay for no messages; others are looked at once more.
      return {
        problems: [
          ...findProblems(paramsSchema, parts.params),
          ...findProblems(querySchema, parts.query),
          ...(parts.bodyProblem ? [parts.bodyProblem] : findProblems(bodySchema, parts.body)),
        ],
      };
    },
  };
}
