/**
 * Requests to a provider: paced, timed out, read to the end and no further, and their failures sorted into the closed list. No request is
 * repeated here: a lost answer to a request that makes something is `ambiguous`, and only whoever looks for the label may go on.
 */
import type * as z from 'zod';
import { ConnectorError } from './connector-error.ts';
import type { Gate, Pace } from './rate-gate.ts';

const TIMEOUT_MILLIS = 30_000;
const MAX_ANSWER_CHARACTERS = 16 * 1_048_576;
/** Of a provider's own words: enough to know what it means. */
const MAX_DETAIL_CHARACTERS = 300;

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export interface ProviderHttpOptions {
  readonly provider: string;
  readonly baseUrl: string;
  /** the account's key: goes into one header, and into no message */
  readonly key: string;
  readonly fetch: Fetch;
  readonly gate: Gate;
}

export interface ProviderRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** begins with a slash, query included */
  readonly path: string;
  readonly body?: unknown;
  readonly paces: readonly Pace[];
  /** it makes something: a lost answer is ambiguous */
  readonly makes?: boolean;
  readonly timeoutMillis?: number;
}

export interface ProviderAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** parsed JSON; the text where it is none, undefined where there is nothing */
  readonly body: unknown;
}

export class ProviderHttp {
  readonly #options: ProviderHttpOptions;

  constructor(options: ProviderHttpOptions) {
    this.#options = options;
  }

  /** Any status comes back as it is, but for 429 and 5xx. @throws ConnectorError */
  async ask({ method, path, body, paces, makes = false, timeoutMillis = TIMEOUT_MILLIS }: ProviderRequest): Promise<ProviderAnswer> {
    const { baseUrl, key, fetch, gate, provider } = this.#options;
    await gate.pass(paces);
    let answer: ProviderAnswer;
    try {
      const response = await fetch(baseUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error', // the key is for one host
        signal: AbortSignal.timeout(timeoutMillis),
      });
      answer = { status: response.status, headers: response.headers, body: await readBody(response) };
    } catch (error) {
      const why =
        error instanceof Error ? (error.name === 'TimeoutError' ? `no answer in ${timeoutMillis / 1_000} s` : reasonOf(error)) : '';
      throw new ConnectorError(makes ? 'ambiguous' : 'unavailable', `${provider} did not answer: ${why}`);
    }
    if (answer.status === 429) {
      const retryAfterMillis = retryAfterOf(answer.headers) ?? Math.max(...paces.map(({ intervalMillis }) => intervalMillis), 1_000) * 2;
      for (const { name } of paces) await gate.shut(name, retryAfterMillis);
      throw new ConnectorError('rate-limited', `${provider} says that it is asked too often`, { retryAfterMillis });
    }
    if (answer.status >= 500)
      throw new ConnectorError(makes ? 'ambiguous' : 'unavailable', `${provider} answered ${answer.status}: ${this.detailOf(answer)}`);
    return answer;
  }

  /** What a stream sends within a time, as text: it stays open, so it is cut off. @throws ConnectorError where it does not begin */
  async listen(path: string, paces: readonly Pace[], millis: number): Promise<string> {
    const { baseUrl, key, fetch, gate, provider } = this.#options;
    await gate.pass(paces);
    const decoder = new TextDecoder();
    let text = '';
    try {
      const response = await fetch(baseUrl + path, {
        headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream' },
        redirect: 'error',
        signal: AbortSignal.timeout(millis),
      });
      if (!response.ok) throw new ConnectorError('unavailable', `${provider} answered ${response.status}`);
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    } catch (error) {
      if (error instanceof ConnectorError) throw error;
      if (!(error instanceof Error && error.name === 'TimeoutError'))
        throw new ConnectorError('unavailable', `${provider} did not answer: ${error instanceof Error ? reasonOf(error) : ''}`);
    }
    return text;
  }

  /** The body in its shape. @throws ConnectorError `unavailable` for an answer of another shape: the API changed, or a proxy spoke */
  read<T>(schema: z.ZodType<T>, { body }: ProviderAnswer, what: string): T {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).slice(0, 3);
    throw new ConnectorError('unavailable', `${this.#options.provider}'s ${what} is of another shape: ${where.join('; ')}`);
  }

  /** What the provider says to a refusal, cut, on one line, without the key. */
  detailOf({ body }: ProviderAnswer): string {
    const said = typeof body === 'string' ? body : saidIn(body);
    return this.clean(said);
  }

  clean(text: string): string {
    const line = text.replaceAll(this.#options.key, '***').replaceAll(/\s+/g, ' ').trim();
    return (line.length > MAX_DETAIL_CHARACTERS ? `${line.slice(0, MAX_DETAIL_CHARACTERS)}…` : line).toWellFormed();
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text.length > MAX_ANSWER_CHARACTERS) throw new Error('its answer has no end');
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text); // each caller has a schema for it
    return value;
  } catch {
    return text; // a plain sentence, or a proxy's page
  }
}

/** The words of the three providers' errors: `detail`, `errors[]` (RFC 9457), `error.message`, `msg`, `error`. */
function saidIn(body: unknown): string {
  if (typeof body !== 'object' || body === null) return 'nothing more';
  const at = (name: string): unknown => Reflect.get(body, name);
  const errors = at('errors');
  const nested = at('error');
  const parts = [
    at('detail'),
    ...(Array.isArray(errors) ? errors : []),
    typeof nested === 'object' && nested !== null ? Reflect.get(nested, 'message') : nested,
    at('msg'),
    at('message'),
  ];
  return parts.filter((part) => typeof part === 'string' && part !== '').join('; ') || 'nothing more';
}

function retryAfterOf(headers: Headers): number | null {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

/** undici hides the cause one level down. Addresses and codes, never a header. */
function reasonOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message.slice(0, 200);
}
