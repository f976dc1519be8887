/** One way to ask the plane: with the token, with its words for what went wrong, and with a report of whether it answers at all. */
import { reportDown, reportLocked, reportUp } from './connection.ts';
import type { Recipe } from './recipe.ts';
import { readToken, tokenHeaders } from './token.ts';
import type { ErrorBody } from './wire.ts';

/** It answered, and refused. The message is its own sentence: what was wrong, the value given, what is allowed. */
export class PlaneError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly problems: NonNullable<ErrorBody['problems']>;

  constructor(status: number, { error, detail, code, problems }: ErrorBody) {
    super(detail);
    this.name = 'PlaneError';
    this.status = status;
    this.code = code;
    this.title = error;
    this.problems = problems ?? [];
  }
}

/** It did not answer, or something between did in its place. */
export class PlaneDown extends Error {
  constructor() {
    super('the plane does not answer');
    this.name = 'PlaneDown';
  }
}

/** It wants a token first. */
export class PlaneLocked extends Error {
  constructor() {
    super('the plane wants a token');
    this.name = 'PlaneLocked';
  }
}

/** What a gateway says where nobody is behind it. The plane's own 503 (`plane_busy`) has a body of ours. */
const GATEWAY_STATUSES = new Set([502, 503, 504]);

/**
 * @param path of this plane, with its query
 * @throws PlaneError, PlaneDown, PlaneLocked; DOMException AbortError where the signal says so
 */
export async function ask<Answer>(path: string, abort?: AbortSignal): Promise<Answer> {
  const response = await send(path, { ...(abort && { signal: abort }) });
  return toAnswer<Answer>(response);
}

/** As `ask`, for what changes something. The same key again is the same action: it is done once, however often it is tried. */
export async function perform<Answer>({ method, path, body, text }: Recipe, key?: string): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (text) headers['content-type'] = text.contentType;
  else if (body !== undefined) headers['content-type'] = 'application/json';
  if (key !== undefined && method === 'POST') headers['idempotency-key'] = key;
  const content = text ? text.content : body === undefined ? null : JSON.stringify(body);
  return toAnswer<Answer>(await send(path, { method, headers, body: content }));
}

/** The answer as it came, whatever its status. @throws PlaneDown, PlaneLocked */
export async function send(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...options, headers: { ...tokenHeaders(), ...options.headers }, cache: 'no-store' });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    reportDown();
    throw new PlaneDown();
  }
  if (response.status === 401) {
    reportLocked(readToken() !== null);
    throw new PlaneLocked();
  }
  if (GATEWAY_STATUSES.has(response.status) && !isOurs(response)) {
    reportDown();
    throw new PlaneDown();
  }
  reportUp();
  return response;
}

const isOurs = (response: Response): boolean => response.headers.has('x-request-id');

/** The plane's answers are made by the schemas that the types come from, so they are not checked a second time here. */
async function toAnswer<Answer>(response: Response): Promise<Answer> {
  const text = await readText(response);
  if (!response.ok) throw new PlaneError(response.status, readError(text, response.status));
  return (text === '' ? null : JSON.parse(text)) as Answer;
}

/** A plane that dies in the middle of an answer does not answer. @throws PlaneDown */
export async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    reportDown();
    throw new PlaneDown();
  }
}

/** What the plane said was wrong; or that it was not the plane who said it. */
export function readError(text: string, status: number): ErrorBody {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'detail' in body && 'code' in body) return body as ErrorBody;
  } catch {
    // not JSON: somebody between us and the plane
  }
  return { error: 'Error', detail: `the answer was ${status}, and not the plane's own`, code: 'internal' };
}
