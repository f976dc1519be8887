/**
 * Stands between clients of the SDK and the emulator, and counts what really goes over the line, tries of the SDK included. DynamoDB is
 * asked for the capacity that each request consumed: that is what it bills.
 */
import { createServer, request as httpRequest, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as z from 'zod';

export interface AwsCall {
  /** `DynamoDB`, `S3` ... */
  readonly service: string;
  readonly operation: string;
  /** of S3: bucket and key */
  readonly path: string;
  /** consumed units; 0 for what is no call of DynamoDB */
  readonly readUnits: number;
  readonly writeUnits: number;
}

export interface CountingProxy {
  readonly endpoint: string;
  /** What was called since the last time. */
  take(): AwsCall[];
  /**
   * Whoever calls dies with the call that is chosen: AWS carries it out, its answer does not come, and no later call goes through until
   * `revive`. The refusal is one that the SDK does not repeat, so that the dead are not waited for.
   */
  dieAt(isLast: (call: AwsCall) => boolean): void;
  /** @returns whether the chosen call came */
  revive(): boolean;
  close(): Promise<void>;
}

/** By the prefix of `x-amz-target`. */
const SERVICES: Readonly<Record<string, string>> = {
  DynamoDB_20120810: 'DynamoDB',
  AWSStepFunctions: 'StepFunctions',
  secretsmanager: 'SecretsManager',
  AmazonSQS: 'SQS',
  AWSEvents: 'EventBridge',
  ServiceQuotasV20190624: 'ServiceQuotas',
};
const READS = new Set(['GetItem', 'BatchGetItem', 'Query']);

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  let calls: AwsCall[] = [];
  let isLast: ((call: AwsCall) => boolean) | null = null;
  let isDead = false;
  const server = createServer(async (incoming, outgoing) => {
    if (isDead) return refuse(outgoing);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method = 'GET', url = '/', headers } = incoming;
    const asked = withCapacity({ method, url, headers, body: Buffer.concat(chunks) });
    const { service, operation } = nameOf(asked);
    const length = { 'content-length': String(asked.body.length) };
    const forwarded = httpRequest({ hostname, port, method, path: url, headers: { ...headers, ...(asked.body.length > 0 && length) } });
    forwarded.on('error', () => outgoing.destroy());
    const note = (call: AwsCall): void => {
      calls.push(call);
      isDead ||= isLast?.(call) ?? false;
    };
    forwarded.on('response', async (answer) => {
      if (service !== 'DynamoDB') {
        note({ service, operation, path: url, readUnits: 0, writeUnits: 0 });
        if (isDead) return refuse(outgoing);
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        return;
      }
      const body = await text(answer);
      const units = consumed(body);
      const isRead = READS.has(operation);
      note({ service, operation, path: url, readUnits: isRead ? units : 0, writeUnits: isRead ? 0 : units });
      if (isDead) return refuse(outgoing);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.end(body);
    });
    forwarded.end(asked.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    take: () => {
      const taken = calls;
      calls = [];
      return taken;
    },
    dieAt: (chosen) => {
      isLast = chosen;
    },
    revive: () => {
      const wasDead = isDead;
      isLast = null;
      isDead = false;
      return wasDead;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const refuse = (outgoing: ServerResponse): void => {
  outgoing.writeHead(403, { 'content-type': 'application/json' }).end('{"__type":"AccessDeniedException","message":"killed"}');
};

function targetOf({ headers }: Asked): { service: string; operation: string } | null {
  const [prefix = '', operation = ''] = String(headers['x-amz-target'] ?? '').split('.');
  const service = SERVICES[prefix];
  return service === undefined ? null : { service, operation };
}

/** Asks DynamoDB for the capacity; the emulator does not check what its root has signed. */
function withCapacity(asked: Asked): Asked {
  if (targetOf(asked)?.service !== 'DynamoDB') return asked;
  const body = { ...z.record(z.string(), z.unknown()).parse(JSON.parse(asked.body.toString())), ReturnConsumedCapacity: 'TOTAL' };
  return { ...asked, body: Buffer.from(JSON.stringify(body)) };
}

const capacitySchema = z.object({ CapacityUnits: z.number() });
const answerSchema = z.object({ ConsumedCapacity: z.union([capacitySchema, z.array(capacitySchema)]).optional() });

function consumed(body: string): number {
  const { ConsumedCapacity = [] } = answerSchema.parse(JSON.parse(body));
  return [ConsumedCapacity].flat().reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0);
}

function nameOf(asked: Asked): { service: string; operation: string } {
  const target = targetOf(asked);
  if (target !== null) return target;
  const { method, headers, body } = asked;
  const url = new URL(asked.url, 'http://aws');
  const batch = /^\/v1\/(\w+)$/.exec(url.pathname)?.[1];
  if (batch !== undefined && headers.authorization?.includes('/batch/')) return { service: 'Batch', operation: batch };
  const action = new URLSearchParams(headers['content-type']?.startsWith('application/x-www-form-urlencoded') ? body.toString() : '').get(
    'Action',
  );
  if (action !== null) return { service: 'STS', operation: action };
  if (url.pathname.includes('/@connections/')) return { service: 'ApiGateway', operation: 'PostToConnection' };
  return { service: 'S3', operation: s3OperationOf(method, url.searchParams, headers) };
}

function s3OperationOf(method: string, query: URLSearchParams, headers: IncomingHttpHeaders): string {
  if (method === 'GET') return query.has('list-type') ? 'ListObjectsV2' : 'GetObject';
  if (method === 'HEAD') return 'HeadObject';
  if (method === 'DELETE') return 'DeleteObject';
  if (method === 'POST') return query.has('delete') ? 'DeleteObjects' : 'PostObject';
  return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
}

/** `GetItem 2, PutObject`: the operations and how often, as a person reads it. */
export function describeCalls(calls: readonly AwsCall[]): string {
  const counts = Map.groupBy(calls, ({ operation }) => operation);
  return [...counts].map(([operation, { length }]) => (length === 1 ? operation : `${operation} ${length}`)).join(', ') || 'none';
}
