/**
 * Typed fetch over the schemas that the plane answers with.
 *
 * A plane that never answered is not there: the command ends at once, saying so. One that has answered and is away now is being restarted or
 * deployed: the call is made again, for `patienceMillis`, and the user is told once when the waiting begins and once when it ends. Every call can be
 * made again: reads change nothing, and what creates or acts carries one Idempotency-Key through all its tries, so that nothing is done twice.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { CommandFailure, Interrupted } from '../exit-code.ts';
import type { Connection } from '../settings/connection.ts';
import { networkReason, PlaneAway, PlaneRefusal } from './plane-errors.ts';

const ANSWER_MILLIS = 30_000;
/** A plane that is started again is there in a few seconds, one that is deployed in half a minute. */
const PATIENCE_MILLIS = 60_000;
const FIRST_WAIT_MILLIS = 200;
const LONGEST_WAIT_MILLIS = 3_000;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** made by `pathOf` */
  readonly path: string;
  readonly query?: Query;
  /** what the answer is; `z.void()` for none */
  readonly schema: z.ZodType<T>;
  /** sent as JSON */
  readonly body?: unknown;
  /** sent as it stands */
  readonly content?: { readonly type: string; readonly bytes: Uint8Array };
  readonly headers?: Readonly<Record<string, string>>;
  /** it creates or acts: an Idempotency-Key goes with it, and Ctrl-C does not break it off */
  readonly isEffect?: boolean;
  readonly answerMillis?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ClientOptions {
  readonly connection: Connection;
  readonly interrupted: AbortSignal;
  /** tells the user something beside the answer */
  readonly notice: (sentence: string) => void;
  /** a line of `--debug` */
  readonly trace: (line: string) => void;
}

const errorSchema = z.object({
  error: z.string(),
  detail: z.string(),
  code: z.string(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** A path with its parts encoded: pathOf`/runs/${id}/events`. */
export const pathOf = (words: TemplateStringsArray, ...parts: readonly string[]): string =>
  words.map((word, index) => word + (index < parts.length ? encodeURIComponent(parts[index] ?? '') : '')).join('');

export class PlaneClient {
  /** how long a plane that has answered before may be away */
  patienceMillis = PATIENCE_MILLIS;
  /** how long one call may take that does not say so itself */
  answerMillis = ANSWER_MILLIS;
  /** where notices go; who draws a progress line puts itself in between */
  notice: (sentence: string) => void;
  readonly #options: ClientOptions;
  #hasAnswered = false;
  #isAway = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.notice = options.notice;
  }

  get url(): string {
    return this.#options.connection.url;
  }

  get interrupted(): AbortSignal {
    return this.#options.interrupted;
  }

  /** @throws PlaneAway, PlaneRefusal, Interrupted; CommandFailure `strange_answer` where the plane is of another version */
  async call<T>(call: Call<T>): Promise<T> {
    const answer = await this.answer(call);
    const place = `${call.method} ${call.path}`;
    const read = readAs(call.schema, answer.text === '' ? undefined : this.#parse(place, answer.text));
    if ('value' in read) return read.value;
    throw this.#strange(place, read.problem);
  }

  /** The answer as it came, redirects not followed. @throws as `call` */
  async answer(call: Omit<Call<unknown>, 'schema'>): Promise<Answer> {
    const headers = this.#headersOf(call);
    return this.patiently(() => this.#send(call, headers));
  }

  /**
   * Makes a call again while the plane is away.
   * @param progress how far a long attempt got, in any unit: patience begins anew with each failure that came further than all before
   * @throws whatever `attempt` throws else; PlaneAway when patience is over
   */
  async patiently<T>(attempt: () => Promise<T>, progress: () => number = () => 0): Promise<T> {
    let awaySince: number | null = null;
    let furthest = progress();
    for (let wait = FIRST_WAIT_MILLIS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MILLIS)) {
      try {
        const result = await attempt();
        this.#noteBack();
        return result;
      } catch (error) {
        if (error instanceof PlaneRefusal) this.#noteBack();
        else if (this.interrupted.aborted) throw error instanceof Interrupted ? error : new Interrupted();
        if (!(error instanceof PlaneAway) || !this.#hasAnswered) throw error;
        const hasMoved = progress() > furthest;
        furthest = Math.max(furthest, progress());
        awaySince = hasMoved ? Date.now() : (awaySince ?? Date.now());
        if (Date.now() - awaySince > this.patienceMillis) throw error;
        this.#noteAway(error);
        await this.#sleep(wait);
      }
    }
  }

  /** The network's errors, in words. Anything else is thrown as it is. */
  away(error: unknown): unknown {
    const reason = networkReason(error);
    return reason === null ? error : this.#away(reason, error);
  }

  async #send(call: Omit<Call<unknown>, 'schema'>, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { method, path, query, body, content, isEffect = false, answerMillis = this.answerMillis } = call;
    const url = new URL(this.url + path);
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
    const timeout = AbortSignal.timeout(answerMillis);
    const sent = content?.bytes ?? (body === undefined ? undefined : JSON.stringify(body));
    const began = performance.now();
    this.#options.trace(`> ${method} ${url.pathname}${redacted(url)}${sent === undefined ? '' : `  ${sent.length} bytes`}`);
    try {
      const response = await fetch(url, {
        method,
        headers,
        redirect: 'manual',
        signal: isEffect ? timeout : AbortSignal.any([timeout, this.interrupted]),
        ...(sent === undefined ? {} : { body: typeof sent === 'string' ? sent : new Uint8Array(sent) }),
      });
      const text = await response.text();
      this.#options.trace(
        `< ${response.status}  ${Math.round(performance.now() - began)} ms  ${text.length} bytes  request ${response.headers.get('x-request-id') ?? '?'}`,
      );
      return await this.#judge({ status: response.status, headers: response.headers, text }, `${method} ${path}`);
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      if (this.interrupted.aborted && !isEffect) throw new Interrupted();
      this.#options.trace(`< ${networkReason(error) ?? String(error)}`);
      throw this.away(error);
    }
  }

  /** An answer that is none: gateways speak for a plane that is away, and a busy one asks to come again. */
  async #judge(answer: Answer, place: string): Promise<Answer> {
    const { status, headers, text } = answer;
    if (status === 502 || status === 504) throw this.#away(`a gateway answered ${status}`);
    if (status < 400) return answer;
    const parsed = errorSchema.safeParse(parseOrNull(text));
    if (!parsed.success) {
      if (status === 503 || status === 429) throw this.#away(`it answered ${status}`);
      throw this.#strange(place, `status ${status}, and no error of ours`);
    }
    const { code, detail, problems } = parsed.data;
    const isToRepeat = status === 503 || status === 429 || code === 'idempotency_in_flight';
    this.#hasAnswered ||= isToRepeat;
    if (!isToRepeat) throw new PlaneRefusal({ status, code, detail: this.#words(code, detail), problems, remedy: this.#remedyOf(code) });
    await this.#sleep(Math.min(Number(headers.get('retry-after') ?? 1) || 1, 30) * 1_000);
    throw this.#away(detail);
  }

  #headersOf({ content, body, headers, isEffect }: Omit<Call<unknown>, 'schema'>): Readonly<Record<string, string>> {
    const { token } = this.#options.connection;
    return {
      accept: 'application/json',
      'user-agent': 'tuneplane-cli',
      ...(token && { authorization: `Bearer ${token.value}` }),
      ...(content ? { 'content-type': content.type } : body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(isEffect && { 'idempotency-key': randomUUID() }),
      ...headers,
    };
  }

  #words(code: string, detail: string): string {
    if (code !== 'unauthorized') return detail;
    const { token } = this.#options.connection;
    return token ? `the plane at ${this.url} does not take the token from ${token.source}` : `the plane at ${this.url} wants a token`;
  }

  #remedyOf(code: string): string | null {
    return code === 'unauthorized'
      ? 'set TUNEPLANE_TOKEN to the token of that plane, or keep it in a profile ("tuneplane profiles set")'
      : null;
  }

  #away(reason: string, cause?: unknown): PlaneAway {
    return new PlaneAway(this.url, reason, this.#options.connection.remedy, cause);
  }

  #strange(place: string, what: string): CommandFailure {
    return new CommandFailure(
      'strange_answer',
      `${place} at ${this.url} was answered with what this version does not understand (${what})`,
      {
        remedy: 'is it a Tuneplane plane, and of the same version as this command?',
      },
    );
  }

  #parse(place: string, text: string): unknown {
    const value = parseOrNull(text);
    if (value === null && text.trim() !== 'null') throw this.#strange(place, 'no JSON');
    return value;
  }

  #noteAway({ reason }: PlaneAway): void {
    if (!this.#isAway) this.notice(`the plane at ${this.url} does not answer (${reason}): waiting for it; runs go on meanwhile`);
    this.#isAway = true;
  }

  #noteBack(): void {
    if (this.#isAway) this.notice('the plane answers again');
    this.#isAway = false;
    this.#hasAnswered = true;
  }

  async #sleep(millis: number): Promise<void> {
    await delay(millis, undefined, { signal: this.interrupted }).catch(() => {
      throw new Interrupted();
    });
  }
}

/** A newer plane may use words that this version does not know, of a list that grew; they are shown as they stand. All else must be as it is known. */
export function readAs<T>(schema: z.ZodType<T>, value: unknown): { readonly value: T } | { readonly problem: string } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data };
  if (parsed.error.issues.every(({ code }) => code === 'invalid_value')) return { value: value as T };
  const [issue] = parsed.error.issues;
  return { problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` };
}

/** What a schema looks at next. */
function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A query as it may be shown: a signature is a right. */
export function redacted({ searchParams }: URL): string {
  const shown = new URLSearchParams(searchParams);
  for (const name of shown.keys()) if (/signature|token|ticket|credential/i.test(name)) shown.set(name, '...');
  return shown.size === 0 ? '' : `?${shown}`;
}
