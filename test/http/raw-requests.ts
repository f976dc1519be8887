/**
 * Requests as they stand on the wire, and the parts of the payload 2.0 event that a handler must get for each: what API Gateway's HTTP API
 * does (sources in lambdas/local/http-event.ts). One character is one byte: `raw` is read as latin1; `utf8()` spells out other text.
 */

/** Route keys that the table is asked against, each GET with its HEAD; whatever matches none arrives as `$default`. */
export const RAW_REQUEST_ROUTES = [
  'GET /things',
  'POST /things',
  'PUT /things/{id}',
  'GET /things/{id}',
  'GET /things/special',
  'POST /things/{id}/stop',
  'GET /things/{id}/parts/{part}',
  'GET /things/special/parts/first',
  'GET /files/{path+}',
  'GET /files/{id}/meta',
] as const;

export interface ExpectedEvent {
  readonly routeKey: string;
  readonly method: string;
  readonly rawPath: string;
  /** default: '' */
  readonly rawQueryString?: string;
  /** these three: default none, and then the event has no such field */
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
  /** these and perhaps others; `undefined`: must not be there */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** default: none */
  readonly body?: string;
  /** default: false */
  readonly isBase64Encoded?: boolean;
  readonly userAgent?: string;
}

export interface RawRequest {
  /** a sentence: "joins repeated query keys with a comma" */
  readonly does: string;
  readonly raw: string;
  readonly event: ExpectedEvent;
}

const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** @param lines headers beside Host */
const head = (start: string, ...lines: string[]): string =>
  `${[`${start} HTTP/1.1`, 'Host: api.example.com', ...lines].join('\r\n')}\r\n\r\n`;
const withBody = (start: string, contentType: string | undefined, body: string, ...lines: string[]): string =>
  head(start, ...(contentType === undefined ? [] : [`Content-Type: ${contentType}`]), `Content-Length: ${body.length}`, ...lines) + body;

const list = { routeKey: 'GET /things', method: 'GET', rawPath: '/things' };
const query = (does: string, text: string, queryStringParameters: Record<string, string>): RawRequest => ({
  does,
  raw: head(`GET /things?${text}`),
  event: { ...list, rawQueryString: text, queryStringParameters },
});
const path = (does: string, sent: string, rawPath: string, id: string): RawRequest => ({
  does,
  raw: head(`GET ${sent}`),
  event: { routeKey: 'GET /things/{id}', method: 'GET', rawPath, pathParameters: { id } },
});
const unrouted = (does: string, method: string, sent: string, rawPath = sent): RawRequest => ({
  does,
  raw: head(`${method} ${sent}`),
  event: { routeKey: '$default', method, rawPath },
});
const text = (does: string, contentType: string, body: string, seen = body): RawRequest => ({
  does,
  raw: withBody('POST /things', contentType, body),
  event: { routeKey: 'POST /things', method: 'POST', rawPath: '/things', body: seen, headers: { 'content-type': contentType } },
});
const bytes = (does: string, contentType: string | undefined, body: string): RawRequest => ({
  does,
  raw: withBody('POST /things', contentType, body),
  event: {
    routeKey: 'POST /things',
    method: 'POST',
    rawPath: '/things',
    body: Buffer.from(body, 'latin1').toString('base64'),
    isBase64Encoded: true,
  },
});

export const RAW_REQUESTS: readonly RawRequest[] = [
  // Routes
  { does: 'has neither query, cookies, parameters nor body where there are none', raw: head('GET /things'), event: list },
  {
    does: 'names HEAD in the route key',
    raw: head('HEAD /things'),
    event: { routeKey: 'HEAD /things', method: 'HEAD', rawPath: '/things' },
  },
  path('fills a path parameter', '/things/a-1', '/things/a-1', 'a-1'),
  {
    does: 'prefers a literal segment to a parameter',
    raw: head('GET /things/special'),
    event: { routeKey: 'GET /things/special', method: 'GET', rawPath: '/things/special' },
  },
  {
    does: 'goes back to the parameter where the literal leads nowhere',
    raw: head('GET /things/special/parts/second'),
    event: {
      routeKey: 'GET /things/{id}/parts/{part}',
      method: 'GET',
      rawPath: '/things/special/parts/second',
      pathParameters: { id: 'special', part: 'second' },
    },
  },
  {
    does: 'follows the literal to its end',
    raw: head('GET /things/special/parts/first'),
    event: { routeKey: 'GET /things/special/parts/first', method: 'GET', rawPath: '/things/special/parts/first' },
  },
  {
    does: 'fills two parameters',
    raw: head('GET /things/a/parts/b'),
    event: {
      routeKey: 'GET /things/{id}/parts/{part}',
      method: 'GET',
      rawPath: '/things/a/parts/b',
      pathParameters: { id: 'a', part: 'b' },
    },
  },
  {
    does: 'gives a greedy parameter all the rest',
    raw: head('GET /files/a/b/c.json'),
    event: { routeKey: 'GET /files/{path+}', method: 'GET', rawPath: '/files/a/b/c.json', pathParameters: { path: 'a/b/c.json' } },
  },
  {
    does: 'goes back to the greedy parameter where the other leads nowhere',
    raw: head('GET /files/a/data'),
    event: { routeKey: 'GET /files/{path+}', method: 'GET', rawPath: '/files/a/data', pathParameters: { path: 'a/data' } },
  },
  {
    does: 'prefers a parameter to a greedy one',
    raw: head('GET /files/a/meta'),
    event: { routeKey: 'GET /files/{id}/meta', method: 'GET', rawPath: '/files/a/meta', pathParameters: { id: 'a' } },
  },
  unrouted('does not give a greedy parameter nothing', 'GET', '/files/'),
  unrouted('sends an unknown path to $default', 'GET', '/nothing'),
  unrouted('sends the root to $default', 'GET', '/'),
  unrouted('sends another method of a known path to $default', 'DELETE', '/things'),
  unrouted('sends OPTIONS to $default', 'OPTIONS', '/things'),
  unrouted('sends HEAD without a GET to $default', 'HEAD', '/things/a-1/stop'),
  unrouted('takes no slash too many', 'GET', '/things/'),
  unrouted('takes no empty segment for a parameter', 'GET', '/things//parts/b'),
  unrouted('is case-sensitive', 'GET', '/Things'),
  unrouted('does not resolve dots', 'GET', '/nothing/../things'),
  {
    does: 'takes a target in absolute form',
    raw: head('GET http://api.example.com/things?a=1'),
    event: { ...list, rawQueryString: 'a=1', queryStringParameters: { a: '1' } },
  },

  // Paths
  path('decodes a space', '/things/a%20b', '/things/a b', 'a b'),
  path('leaves a plus in a path', '/things/a+b', '/things/a+b', 'a+b'),
  path('decodes UTF-8', '/things/%CE%BB%F0%9F%A6%9C', '/things/λ🦜', 'λ🦜'),
  path('decodes once only', '/things/a%2520b', '/things/a%20b', 'a%20b'),
  path('decodes a dot', '/things/%2e%2e', '/things/..', '..'),
  path('keeps a hash', '/things/a%23b', '/things/a#b', 'a#b'),
  path('cuts the path at a decoded question mark', '/things/a%3Fb', '/things/a', 'a'),
  path('keeps characters that need no encoding', "/things/a;b=c,d@e:f!$&'()*~", "/things/a;b=c,d@e:f!$&'()*~", "a;b=c,d@e:f!$&'()*~"),
  {
    does: 'parts segments at a decoded slash',
    raw: head('GET /things/a%2Fparts%2Fb'),
    event: {
      routeKey: 'GET /things/{id}/parts/{part}',
      method: 'GET',
      rawPath: '/things/a/parts/b',
      pathParameters: { id: 'a', part: 'b' },
    },
  },

  // Queries
  query('leaves the raw query as sent and decodes its parameters', 'redirect=https%3A%2F%2Fexample.com%2Fa%2Fb', {
    redirect: 'https://example.com/a/b',
  }),
  query('joins repeated query keys with a comma', 'repeat=one&repeat=two', { repeat: 'one,two' }),
  query('reads a plus as a space and %2B as a plus', 'literal=a+b&encoded=a%2Bb', { literal: 'a b', encoded: 'a+b' }),
  query('takes a key without a value', 'empty=&bare', { empty: '', bare: '' }),
  query('decodes keys', 'a%5B0%5D=1', { 'a[0]': '1' }),
  query('keeps an equals sign in a value', 'a=b=c', { a: 'b=c' }),
  query('skips nothing between ampersands', '&&a=1&&', { a: '1' }),
  query('leaves a broken encoding as it is', 'a=100%&b=%zz', { a: '100%', b: '%zz' }),
  query('keeps a question mark in the query', 'a=b?c', { a: 'b?c' }),
  query(
    'takes the name __proto__ for a name',
    '__proto__=x&a=1',
    Object.fromEntries([
      ['__proto__', 'x'],
      ['a', '1'],
    ]),
  ),
  { does: 'takes an empty query for none', raw: head('GET /things?'), event: list },

  // Headers and cookies
  {
    does: 'lowers the case of header names',
    raw: head('GET /things', 'X-Trainer-TOKEN: AbC'),
    event: { ...list, headers: { 'x-trainer-token': 'AbC', host: 'api.example.com' } },
  },
  {
    does: 'joins repeated headers with a comma',
    raw: head('GET /things', 'X-Probe: first', 'x-probe: second'),
    event: { ...list, headers: { 'x-probe': 'first,second' } },
  },
  {
    does: 'joins repeated headers that Node would drop',
    raw: head('GET /things', 'User-Agent: a', 'User-Agent: b'),
    event: { ...list, headers: { 'user-agent': 'a,b' }, userAgent: 'a,b' },
  },
  {
    does: 'trims header values',
    raw: head('GET /things', 'X-Probe:  \t spaced \t '),
    event: { ...list, headers: { 'x-probe': 'spaced' } },
  },
  { does: 'takes an empty header', raw: head('GET /things', 'X-Probe:'), event: { ...list, headers: { 'x-probe': '' } } },
  {
    does: 'names the user agent in the context',
    raw: head('GET /things', 'User-Agent: curl/8.7.1'),
    event: { ...list, userAgent: 'curl/8.7.1' },
  },
  {
    does: 'puts cookies apart and takes them from the headers',
    raw: head('GET /things', 'Cookie: session=abc123; theme=dark'),
    event: { ...list, cookies: ['session=abc123', 'theme=dark'], headers: { cookie: undefined } },
  },
  {
    does: 'gathers cookies of several headers',
    raw: head('GET /things', 'Cookie: a=1; b=2', 'Cookie: c=3'),
    event: { ...list, cookies: ['a=1', 'b=2', 'c=3'] },
  },
  { does: 'keeps an equals sign in a cookie', raw: head('GET /things', 'Cookie: a=b=c=='), event: { ...list, cookies: ['a=b=c=='] } },

  // Bodies
  text('gives JSON as text', 'application/json', '{"a":1}'),
  text('gives JSON with a charset as text', 'application/json; charset=utf-8', '{"a":1}'),
  text('gives JSON in capitals as text', 'Application/JSON', '{"a":1}'),
  text('decodes UTF-8', 'application/json', utf8('{"unicode":"lambda-λ 🦜"}'), '{"unicode":"lambda-λ 🦜"}'),
  text('gives plain text as text', 'text/plain', 'hello'),
  text('gives lines of a text type as text', 'text/csv', 'a,b\r\n1,2\r\n'),
  text('gives XML as text', 'application/xml', '<a/>'),
  text('gives JavaScript as text', 'application/javascript', '1'),
  bytes('gives bytes as base64', 'application/octet-stream', '\x00\xff\xfe\x01'),
  bytes('gives a body without a type as base64', undefined, '{"a":1}'),
  bytes('gives a form as base64', 'application/x-www-form-urlencoded', 'a=1&b=2'),
  bytes('gives other JSON types as base64', 'application/vnd.api+json', '{"a":1}'),
  bytes('gives lines of JSON as base64', 'application/x-ndjson', '{"a":1}\n{"a":2}\n'),
  bytes('gives a picture as base64', 'image/png', '\x89PNG\r\n\x1a\n'),
  {
    does: 'takes an empty body for none',
    raw: withBody('POST /things', 'application/json', ''),
    event: { routeKey: 'POST /things', method: 'POST', rawPath: '/things', headers: { 'content-length': '0' } },
  },
  {
    does: 'takes a POST without length for one without body',
    raw: head('POST /things/a-1/stop'),
    event: { routeKey: 'POST /things/{id}/stop', method: 'POST', rawPath: '/things/a-1/stop', pathParameters: { id: 'a-1' } },
  },
  {
    does: 'puts a chunked body together',
    raw: `${head('POST /things', 'Content-Type: application/json', 'Transfer-Encoding: chunked')}4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n`,
    event: { routeKey: 'POST /things', method: 'POST', rawPath: '/things', body: '{"a":1}' },
  },
  {
    does: 'takes a body on other methods',
    raw: withBody('PUT /things/a-1', 'text/plain', 'x'),
    event: { routeKey: 'PUT /things/{id}', method: 'PUT', rawPath: '/things/a-1', pathParameters: { id: 'a-1' }, body: 'x' },
  },
  {
    does: 'takes a body on GET',
    raw: withBody('GET /things', 'application/json', '{}'),
    event: { ...list, body: '{}' },
  },
];
