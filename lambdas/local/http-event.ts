/**
 * Node's request as the event that API Gateway's HTTP API hands to a Lambda (payload format 2.0), and a Lambda's result as Node's response.
 *
 * Documented: names lower-case, repeated headers and query keys joined by ',', cookies apart and not among the headers, set-cookie from
 * `cookies`, a result without `statusCode` is a 200 of JSON, "API Gateway decodes URL-encoded request parameters":
 *   docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 *   docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 * Seen in events captured from AWS (hotsock/voker, vokerhttp/testdata/apigwv2-request.json, July 2026; fastify/aws-lambda-fastify issue 169):
 *   `rawPath` and `http.path` are percent-decoded once, `%2F` included, so it parts segments; `rawQueryString` stays as sent; `+` in a query
 *   value is a space; repeated values are joined by ',' without a space; `time` is `10/Jul/2026:19:19:05 +0000`.
 * Seen on AWS by others (ministackorg/ministack pull 766, middleapi/standard-server pull 93): a body is text for text/*, application/json,
 *   application/xml and application/javascript, and base64 for everything else, forms and missing types too; a decoded `?` ends the path.
 * Not made here: x-forwarded-*, x-amzn-trace-id (nothing of ours may read what a local client could forge), authorizer, accountId.
 * Our own, since AWS says nothing of it: a path with a broken percent sign, or with bytes that are no UTF-8, stays as sent.
 */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from 'aws-lambda';

export interface Target {
  /** decoded once */
  readonly path: string;
  /** as sent, without the `?` */
  readonly query: string;
}

const ORIGIN = /^https?:\/\/[^/?#]*/i;

export function readTarget(url: string): Target {
  const target = url.charCodeAt(0) === 47 ? url : url.replace(ORIGIN, ''); // absolute form, RFC 9112 section 3.2.2
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  return { path: decodePath(raw || '/'), query: mark < 0 ? '' : target.slice(mark + 1) };
}

function decodePath(raw: string): string {
  if (!raw.includes('%')) return raw;
  try {
    const decoded = decodeURIComponent(raw);
    const mark = decoded.indexOf('?');
    return mark < 0 ? decoded : decoded.slice(0, mark);
  } catch {
    return raw;
  }
}

export interface EventParts {
  readonly request: IncomingMessage;
  readonly target: Target;
  readonly routeKey: string;
  readonly pathParameters: Record<string, string> | undefined;
  /** undefined where the request has none */
  readonly body: Buffer | undefined;
  readonly now: number;
}

export function toEvent({ request, target, routeKey, pathParameters, body, now }: EventParts): APIGatewayProxyEventV2 {
  const { headers, cookies } = readHeaders(request.rawHeaders);
  const method = request.method ?? 'GET';
  const host = headers.host ?? '';
  const requestId = randomUUID();
  const event: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey,
    rawPath: target.path,
    rawQueryString: target.query,
    headers,
    requestContext: {
      accountId: 'local',
      apiId: 'local',
      domainName: host,
      domainPrefix: 'local',
      http: {
        method,
        path: target.path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey,
      stage: '$default',
      time: toCommonLogTime(now),
      timeEpoch: now,
    },
    isBase64Encoded: false,
  };
  if (cookies) event.cookies = cookies;
  if (target.query !== '') event.queryStringParameters = readQuery(target.query);
  if (pathParameters) event.pathParameters = pathParameters;
  if (body && body.length > 0) {
    // Bytes that are no UTF-8 stay bytes: as text they would be changed before anybody could refuse them.
    const isText = isTextType(headers['content-type']) && isUtf8(body);
    event.body = body.toString(isText ? 'utf8' : 'base64');
    event.isBase64Encoded = !isText;
  }
  return event;
}

/** From the raw list, since Node's own object drops some repeated headers. */
function readHeaders(raw: readonly string[]): { headers: Record<string, string>; cookies: string[] | undefined } {
  const headers: Record<string, string> = {};
  let cookies: string[] | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    if (name === 'cookie') {
      cookies ??= [];
      for (const cookie of value.split(';')) if (cookie.trim() !== '') cookies.push(cookie.trim());
    } else {
      const earlier = headers[name];
      define(headers, name, typeof earlier === 'string' ? `${earlier},${value}` : value);
    }
  }
  return { headers, cookies };
}

/** `application/x-www-form-urlencoded` rules, as URLSearchParams has them; an empty piece between two `&` is nothing. */
function readQuery(query: string): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const piece of query.split('&')) {
    if (piece === '') continue;
    const mark = piece.indexOf('=');
    const name = decodeQuery(mark < 0 ? piece : piece.slice(0, mark));
    const value = mark < 0 ? '' : decodeQuery(piece.slice(mark + 1));
    define(parameters, name, Object.hasOwn(parameters, name) ? `${parameters[name]},${value}` : value);
  }
  return parameters;
}

const PLAIN = /^[^%+]*$/;

function decodeQuery(text: string): string {
  if (PLAIN.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return new URLSearchParams(`x=${text}`).get('x') ?? ''; // it never fails: what is no encoding stays, what is no UTF-8 becomes U+FFFD
  }
}

/** `__proto__` too is a name that a client may send. */
function define(record: Record<string, string>, name: string, value: string): void {
  if (name === '__proto__') Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

function isTextType(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  if (contentType === 'application/json') return true;
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return type.startsWith('text/') || type === 'application/json' || type === 'application/xml' || type === 'application/javascript';
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let timeSecond = Number.NaN;
let timeText = '';

/** `10/Jul/2026:19:19:05 +0000`, made once a second. */
function toCommonLogTime(now: number): string {
  const second = Math.floor(now / 1_000);
  if (second !== timeSecond) {
    const iso = new Date(now).toISOString();
    timeText = `${iso.slice(8, 10)}/${MONTHS[Number(iso.slice(5, 7)) - 1]}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
    timeSecond = second;
  }
  return timeText;
}

/** Sends a Lambda's result as API Gateway would. `content-length` is ours to set, whatever the result says. */
export function sendResult(result: APIGatewayProxyResultV2, response: ServerResponse, isHead: boolean): void {
  if (typeof result === 'string' || result.statusCode === undefined) {
    send(response, 200, { 'content-type': 'application/json' }, typeof result === 'string' ? result : JSON.stringify(result), isHead);
    return;
  }
  const headers: Record<string, string | number | string[]> = {};
  for (const [name, value] of Object.entries(result.headers ?? {})) {
    const lower = name.toLowerCase();
    if (lower !== 'content-length' && lower !== 'transfer-encoding' && lower !== 'connection')
      headers[lower] = typeof value === 'string' ? value : String(value);
  }
  if (result.cookies && result.cookies.length > 0) headers['set-cookie'] = result.cookies;
  const body = result.body ?? '';
  send(response, result.statusCode, headers, result.isBase64Encoded ? Buffer.from(body, 'base64') : body, isHead);
}

function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string | number | string[]>,
  body: string | Buffer,
  isHead: boolean,
): void {
  const hasNoBody = status === 204 || status === 304 || status < 200;
  if (!hasNoBody && !isHead) headers['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  response.writeHead(status, headers);
  response.end(hasNoBody || isHead ? undefined : body);
}
