/** RunPod's REST v2, as its document of 2026-08-18 and the traffic recorded since say: prose for lack of capacity, RUNNING without a runtime, restarts. */
import { type FakeMachine, FakeProvider, json } from './fake-provider.ts';

const GPUS = [
  { id: 'NVIDIA GeForce RTX 4090', name: 'RTX 4090', memory: 24, secure: 0.69, community: 0.34, max: 8 },
  { id: 'NVIDIA A100 80GB PCIe', name: 'A100 PCIe', memory: 80, secure: 1.64, community: 1.19, max: 8 },
  { id: 'NVIDIA H100 80GB HBM3', name: 'H100 SXM', memory: 80, secure: 2.69, community: 2.39, max: 8 },
];
const DATA_CENTERS = ['US-TX-3', 'EU-RO-1'];
const FIELDS = new Set([
  'name',
  'image',
  'cloud',
  'gpu',
  'cpu',
  'dataCenterIds',
  'disk',
  'args',
  'entrypoint',
  'cmd',
  'env',
  'ports',
  'registry',
  'mounts',
  'startSsh',
  'startJupyter',
  'templateId',
  'globalNetworking',
]);
const NO_CAPACITY = 'There are no longer any instances available with the requested specifications. Please refresh and try again.';
const PAGE = 50;

export class FakeRunPod extends FakeProvider {
  readonly provider = 'runpod';
  /** every request for a pod breaks it */
  brokenRule: string | null = null;
  readonly #registries: { id: string; name: string }[] = [];
  readonly #asked: number[] = [];

  protected operationOf(method: string, path: string): string {
    if (path === '/v2/pods') return method === 'POST' ? 'create' : 'list';
    if (path.endsWith('/logs')) return 'logs';
    if (path.startsWith('/v2/pods/')) return method === 'DELETE' ? 'terminate' : 'find';
    return path.startsWith('/v2/catalog') ? 'offers' : path.startsWith('/v2/billing') ? 'billed' : 'registries';
  }

  protected async answer(method: string, path: string, query: URLSearchParams, body: unknown): Promise<Response> {
    if (path === '/v2/catalog/gpus') return this.#catalog(query);
    if (path === '/v2/pods' && method === 'POST') return this.#create(body);
    if (path === '/v2/pods') return this.#list(query);
    if (path === '/v2/billing/pods') return this.#billing(query);
    if (path === '/v2/registries') return this.#registry(method, body);
    const [, id = '', verb] = /^\/v2\/pods\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const machine = this.machines.get(id);
    if (!machine || machine.terminatedAt !== null) return problem(404, 'pod not found');
    if (verb === 'logs') return this.#logs(machine, query.get('source') ?? 'container');
    if (method === 'DELETE') {
      this.end(machine);
      return new Response(null, { status: 204 });
    }
    return json(200, this.#pod(machine), this.#limits());
  }

  #catalog(query: URLSearchParams): Response {
    if ((query.get('include') === 'AVAILABILITY') !== query.has('product'))
      return problem(400, 'include=AVAILABILITY and product must be given together');
    const stock = this.soldOut ? 'NONE' : 'HIGH';
    const gpus = GPUS.map(({ id, name, memory, secure, community, max }) => ({
      id,
      name,
      pool: null,
      manufacturer: 'NVIDIA',
      memory,
      secure: true,
      community: true,
      price: { secure, community },
      maxCount: { secure: max, community: max },
      availability: 'HIGH',
      dataCenters: DATA_CENTERS.map((dataCenter) => ({ id: dataCenter, name: dataCenter, availability: stock === 'NONE' ? 'LOW' : stock })),
      cudaVersions: [{ version: '13.0', available: true }],
    }));
    return json(200, { gpus }, this.#limits());
  }

  #create(body: unknown): Response {
    const wanted = asRecord(body);
    const unknown = Object.keys(wanted).filter((name) => !FIELDS.has(name));
    if (unknown.length > 0 || typeof wanted['name'] !== 'string')
      return problem(422, 'Request validation failed.', [`$: additional properties '${unknown.join("', '")}' not allowed`]);
    if (wanted['disk'] === undefined) return problem(400, 'You must either provide a template id or pod configuration parameters');
    const gpu = asRecord(wanted['gpu']);
    const type = GPUS.find(({ id }) => id === gpu['id']);
    if (!type) return problem(400, `gpu.id is invalid: ${String(gpu['id'])}`);
    if (this.brokenRule !== null) return problem(400, this.brokenRule);
    if (this.soldOut) return problem(400, NO_CAPACITY);
    const count = Number(gpu['count'] ?? 1);
    const machine = this.add(
      { label: wanted['name'], usdPerHour: type.secure * count, gpus: count, wanted },
      (number) => `pod${String(number).padStart(11, '0')}`,
    );
    return json(201, this.#pod(machine), this.#limits());
  }

  #list(query: URLSearchParams): Response {
    const all = this.there().filter((machine) => this.isListed(machine));
    const from = Number(query.get('cursor') ?? 0);
    const page = all.slice(from, from + PAGE);
    const hasNextPage = from + PAGE < all.length;
    return json(
      200,
      {
        pods: page.map((machine) => this.#pod(machine)),
        pagination: { nextCursor: hasNextPage ? String(from + PAGE) : null, hasNextPage },
      },
      this.#limits(),
    );
  }

  #pod(machine: FakeMachine): unknown {
    const { id, label, wanted, createdAt, lostAt, usdPerHour } = machine;
    const isLost = lostAt !== null;
    const isBooted = this.isBooted(machine);
    const startedAt = new Date(createdAt).toISOString();
    return {
      id,
      name: label,
      status: isLost ? 'EXITED' : 'RUNNING', // seconds after the request, whatever the document says
      actions: isLost ? ['start', 'terminate'] : ['stop', 'restart', 'terminate'],
      image: wanted['image'],
      args: wanted['args'] ?? '',
      disk: wanted['disk'],
      ports: wanted['ports'] ?? [],
      env: wanted['env'] ?? {}, // in clear
      registry: wanted['registry'] ?? null,
      mounts: {},
      gpu: wanted['gpu'],
      cloud: 'SECURE',
      dataCenterId: asList(wanted['dataCenterIds'])[0] ?? 'US-TX-3',
      cudaVersion: '13.0',
      ssh: { proxy: null, direct: null }, // no key of the account reaches a pod that did not ask for it
      template: null,
      cost: isLost ? 0 : usdPerHour,
      locked: false,
      globalNetworking: { enabled: false },
      runtime:
        isBooted && !isLost
          ? {
              uptime: Math.floor((this.now() - createdAt - this.bootMillis) / 1_000),
              gpus: [{ util: 0, memoryUtil: 0 }],
              cpu: { util: 0 },
              memory: { util: 0 },
              ports: [],
            }
          : null,
      createdAt: startedAt,
      startedAt,
    };
  }

  #logs(machine: FakeMachine, source: string): Response {
    const lines = source === 'system' ? ['create container', 'start container'] : this.logOf(machine);
    const text = lines
      .map((line, index) => `id: ${index}\ndata: ${JSON.stringify({ ts: '2026-01-01T00:00:00Z', source, line })}\n\n`)
      .join('');
    return new Response(text, { status: 200, headers: { 'content-type': 'text/event-stream' } });
  }

  #billing(query: URLSearchParams): Response {
    const { startTime, endTime, podId } = Object.fromEntries(query);
    if (startTime === undefined || endTime === undefined) return problem(400, 'startTime and endTime must both be given');
    const records = this.bill()
      .filter(({ id, seconds }) => seconds > 0 && (podId === undefined || podId === id))
      .map(({ id, usd }) => ({ startTime, endTime, podId: id, totalAmount: usd, gpuAmount: usd, cpuAmount: 0, diskAmount: 0 }));
    const total = records.reduce((sum, { totalAmount }) => sum + totalAmount, 0);
    const totals = { totalAmount: total, gpuAmount: total, cpuAmount: 0, diskAmount: 0 };
    const metadata = {
      query: { startTime, endTime, bucketSize: query.get('bucketSize') ?? 'day', ...(podId === undefined ? {} : { podId }) },
      recordCount: records.length,
      totals,
      uniquePodCount: new Set(records.map(({ podId: id }) => id)).size,
    };
    return json(200, { records, metadata }, this.#limits());
  }

  #registry(method: string, body: unknown): Response {
    if (method === 'GET') return json(200, { registries: this.#registries }, this.#limits());
    const { name, username, password } = asRecord(body);
    if (![name, username, password].every((value) => typeof value === 'string' && value !== ''))
      return problem(422, 'Request validation failed.', ['$: name, username and password are required']);
    const registry = { id: `reg_${this.#registries.length + 1}`, name: String(name) };
    this.#registries.push(registry);
    return json(201, registry, this.#limits());
  }

  /** 60 in a minute. */
  protected override isTooFast(): boolean {
    const since = this.now() - 60_000;
    while (this.#asked[0] !== undefined && this.#asked[0] <= since) this.#asked.shift();
    if (this.#asked.length >= 60) return true;
    this.#asked.push(this.now());
    return false;
  }

  #limits(): Record<string, string> {
    return {
      ratelimit: `"minute";r=${60 - this.#asked.length};t=60`,
      'ratelimit-policy': '"minute";q=60;w=60, "hour";q=3000;w=3600, "day";q=50000;w=86400',
    };
  }

  protected unauthorized(): Response {
    return problem(401, 'Unauthorized');
  }

  protected tooMany(): Response {
    return json(
      429,
      { title: 'Too Many Requests', status: 429, detail: 'rate limit exceeded' },
      { 'retry-after': '5', 'content-type': 'application/problem+json' },
    );
  }

  protected serverError(): Response {
    return problem(500, 'something went wrong');
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  422: 'Unprocessable Entity',
  500: 'Internal Server Error',
};

const problem = (status: number, detail: string, errors?: readonly string[]): Response =>
  json(
    status,
    { title: TITLES[status] ?? 'Error', status, detail, ...(errors && { errors }) },
    { 'content-type': 'application/problem+json' },
  );

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

export const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
