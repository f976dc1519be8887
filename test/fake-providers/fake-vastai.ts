/** Vast.ai's API with the deviations from its document that guides and traffic show: env as an object, 64 offers, refusals that leave machines behind. */
import { type FakeMachine, FakeProvider, json } from './fake-provider.ts';
import { asList, asRecord } from './fake-runpod.ts';

const OFFERS = [
  { id: 101, machine: 11, gpu: 'RTX 4090', gpus: 1, ramMb: 24_564, dph: 0.41, bid: 0.21, verified: true, place: 'Texas, US' },
  { id: 102, machine: 12, gpu: 'RTX 4090', gpus: 1, ramMb: 24_564, dph: 0.39, bid: 0.2, verified: false, place: 'Bavaria, DE' },
  { id: 103, machine: 13, gpu: 'H100 SXM', gpus: 1, ramMb: 81_559, dph: 2.11, bid: 1.3, verified: true, place: 'Iowa, US' },
  { id: 104, machine: 14, gpu: 'H100 SXM', gpus: 1, ramMb: 81_559, dph: 2.3, bid: 1.4, verified: true, place: 'Sweden, SE' },
  { id: 105, machine: 15, gpu: 'A100 SXM4', gpus: 8, ramMb: 81_920, dph: 9.4, bid: 5.2, verified: true, place: 'Utah, US' },
];
/** A market: the same few machines, and many more like them a little dearer. */
const MARKET = [
  ...OFFERS,
  ...Array.from({ length: 60 }, (_, index) => ({
    id: 1_000 + index,
    machine: 1_000 + index,
    gpu: 'RTX 4090',
    gpus: 1,
    ramMb: 24_564,
    dph: 0.5 + index / 1_000,
    bid: 0.3 + index / 1_000,
    verified: true,
    place: 'Iowa, US',
  })),
];
const MAX_OFFERS = 64;
const PAGE = 25;
const GAPS: Readonly<Record<string, number>> = {
  create: 4_500,
  terminate: 3_000,
  find: 2_000,
  list: 1_000,
  billed: 1_000,
  logs: 1_000,
  offers: 6_000,
};

export class FakeVastAi extends FakeProvider {
  readonly provider = 'vastai';
  readonly #last = new Map<string, number>();
  readonly #logReads = new Map<string, number>();
  /** the next requests are refused and leave a stopped machine behind all the same */
  leavesBehind = 0;

  /** What a log link names: 404 at the first look, then the text. Asked without a key. */
  readLog(url: string): string | null {
    const id = /instance_logs\/(\w+)\.log$/.exec(url)?.[1] ?? '';
    const looks = (this.#logReads.get(id) ?? 0) + 1;
    this.#logReads.set(id, looks);
    const machine = this.machines.get(id);
    return looks < 2 || !machine ? null : this.logOf(machine).join('\n');
  }

  protected operationOf(method: string, path: string): string {
    if (path.startsWith('/api/v0/bundles')) return 'offers';
    if (path.startsWith('/api/v0/asks/')) return 'create';
    if (path.startsWith('/api/v1/instances')) return 'list';
    if (path.startsWith('/api/v0/charges')) return 'billed';
    if (path.includes('/request_logs/')) return 'logs';
    return method === 'DELETE' ? 'terminate' : 'find';
  }

  protected async answer(method: string, path: string, query: URLSearchParams, body: unknown): Promise<Response> {
    if (!path.endsWith('/')) return json(404, { success: false, error: 'not_found', msg: 'no such path' });
    if (path === '/api/v0/bundles/') return this.#search(asRecord(body));
    const ask = /^\/api\/v0\/asks\/(\d+)\/$/.exec(path)?.[1];
    if (ask !== undefined) return this.#create(Number(ask), asRecord(body));
    if (path === '/api/v1/instances/') return this.#list(query);
    if (path === '/api/v0/charges/') return this.#charges(query);
    const [, log, id = ''] = /^\/api\/v0\/instances\/(request_logs\/)?(\d+)\/$/.exec(path) ?? [];
    const machine = this.machines.get(id);
    const isThere = machine !== undefined && machine.terminatedAt === null;
    if (log) {
      if (!isThere) return json(404, { error: 'invalid_id', msg: 'Invalid instance id.' });
      return json(200, { success: true, result_url: `https://logs.example/instance_logs/${id}.log`, msg: 'requested' });
    }
    if (method === 'DELETE') {
      if (!isThere) return json(404, { success: false, error: 'no_such_instance', msg: 'Instance not found' });
      this.end(machine);
      return json(200, { success: true, msg: 'Instance destroyed successfully' });
    }
    // One that was destroyed a moment ago is null, later 404.
    if (!isThere)
      return machine ? json(200, { instances: null }) : json(404, { success: false, error: 'no_such_instance', msg: 'Instance not found' });
    return json(200, { instances: this.#instance(machine) });
  }

  #search(filters: Record<string, unknown>): Response {
    const isMet = (name: string, value: unknown): boolean => {
      const wanted = asRecord(filters[name]);
      if ('eq' in wanted && wanted['eq'] !== value) return false;
      if ('gte' in wanted && !(Number(value) >= Number(wanted['gte']))) return false;
      if ('lte' in wanted && !(Number(value) <= Number(wanted['lte']))) return false;
      return !('in' in wanted) || asList(wanted['in']).includes(value);
    };
    const taken = new Set(this.live().map(({ wanted }) => wanted['ask']));
    const offers = MARKET.filter(
      ({ id, gpu, gpus, ramMb, dph, verified, place }) =>
        !taken.has(id) &&
        isMet('verified', verified) &&
        isMet('num_gpus', gpus) &&
        isMet('gpu_ram', ramMb) &&
        isMet('gpu_name', gpu) &&
        isMet('dph_total', dph) &&
        isMet('geolocation', place.slice(-2)),
    ).map(({ id, machine, gpu, gpus, ramMb, dph, bid, verified, place }) => ({
      id,
      ask_contract_id: id,
      machine_id: machine,
      host_id: machine,
      gpu_name: gpu,
      num_gpus: gpus,
      gpu_ram: ramMb,
      dph_total: dph,
      min_bid: bid,
      geolocation: place,
      inet_up_cost: 0.004,
      inet_down_cost: 0.002,
      verification: verified ? 'verified' : 'unverified',
      cuda_max_good: 13,
      reliability2: 0.99,
    }));
    return json(200, {
      offers: offers.toSorted((a, b) => a.dph_total - b.dph_total).slice(0, Math.min(MAX_OFFERS, Number(filters['limit'] ?? 64))),
    });
  }

  #create(ask: number, wanted: Record<string, unknown>): Response {
    const offer = MARKET.find(({ id }) => id === ask);
    const isTaken = this.live().some((machine) => machine.wanted['ask'] === ask);
    if (this.soldOut || !offer || isTaken)
      return json(410, {
        success: false,
        error: 'no_such_ask',
        msg: `error 410/3907: no_such_ask Instance type ${ask} is no longer available.`,
        ask_id: ask,
      });
    if (typeof wanted['image'] !== 'string') return json(400, { success: false, error: 'invalid_args', msg: 'image is required' });
    const price = wanted['price'];
    if (typeof price === 'number' && price < offer.bid && this.leavesBehind === 0)
      return json(400, { success: false, error: 'invalid_price', msg: `your bid ${price} is too low` });
    // A string is taken and silently not applied.
    const env = typeof wanted['env'] === 'object' ? wanted['env'] : {};
    const machine = this.add(
      {
        label: String(wanted['label'] ?? ''),
        usdPerHour: typeof price === 'number' ? price : offer.dph,
        gpus: offer.gpus,
        wanted: { ...wanted, env, ask, isBid: typeof price === 'number', gpuName: offer.gpu },
      },
      (number) => String(7_000_000 + number),
    );
    if (this.leavesBehind > 0) {
      this.leavesBehind -= 1;
      machine.lostAt = this.now(); // a stopped contract that bills its disk
      return json(200, { success: false, error: 'invalid_price', msg: 'your bid is too low', new_contract: Number(machine.id) });
    }
    return json(200, { success: true, new_contract: Number(machine.id), instance_api_key: 'instance-key-canary' });
  }

  #list(query: URLSearchParams): Response {
    const limit = Math.min(PAGE, Number(query.get('limit') ?? PAGE));
    const all = this.there().filter((machine) => this.isListed(machine));
    const from = Number(query.get('after_token') ?? 0);
    const page = all.slice(from, from + limit);
    const columns = asList(JSON.parse(query.get('select_cols') ?? '["*"]'));
    const rows = page.map((machine) => {
      const row = this.#instance(machine);
      return columns.includes('*') ? row : Object.fromEntries(columns.map((column) => [String(column), row[String(column)] ?? null]));
    });
    const next = from + limit < all.length ? String(from + limit) : null;
    return json(200, {
      success: true,
      instances: rows,
      instances_found: rows.length,
      total_instances: all.length,
      label_counts: {},
      next_token: next,
    });
  }

  #instance(machine: FakeMachine): Record<string, unknown> {
    const { id, label, wanted, createdAt, lostAt, usdPerHour } = machine;
    const isLost = lostAt !== null;
    const isBooted = this.isBooted(machine);
    const age = this.now() - createdAt;
    const status = isLost ? 'stopped' : isBooted ? 'running' : age < this.bootMillis / 3 ? null : 'loading';
    const state = isLost ? 'stopped' : 'running';
    return {
      id: Number(id),
      label,
      actual_status: status,
      intended_status: state,
      cur_state: state,
      next_state: state,
      status_msg: isBooted ? `success, running ${String(wanted['image'])}` : 'pulling',
      is_bid: wanted['isBid'] === true,
      start_date: createdAt / 1_000,
      dph_total: usdPerHour,
      machine_id: 1,
      gpu_name: wanted['gpuName'],
      num_gpus: machine.gpus,
      extra_env: Object.entries(asRecord(wanted['env'])),
      image_args: wanted['args'],
      onstart: wanted['onstart'],
      jupyter_token: 'jupyter-canary-token',
      public_ipaddr: '192.0.2.45\n',
    };
  }

  #charges(query: URLSearchParams): Response {
    const { day } = asRecord(JSON.parse(query.get('select_filters') ?? '{}'));
    const { gte, lte } = asRecord(day);
    if (gte === undefined || lte === undefined)
      return json(400, { success: false, msg: "Must provide both 'day' gte and lte filters for instance charges" });
    const results = this.bill()
      .map((row) => ({ row, machine: this.machines.get(row.id) }))
      .filter(
        ({ machine }) => machine !== undefined && machine.createdAt / 1_000 >= Number(gte) && machine.createdAt / 1_000 <= Number(lte),
      )
      .map(({ row, machine }) => {
        const start = Math.round((machine?.createdAt ?? 0) / 1_000);
        const item = {
          start,
          end: start + row.seconds,
          type: 'gpu',
          source: null,
          description: '',
          amount: row.usd,
          metadata: {},
          items: [],
        };
        return {
          start,
          end: start + row.seconds,
          type: 'instance',
          source: `instance-${row.id}`,
          description: '',
          amount: row.usd,
          metadata: { label: row.label },
          items: [item],
        };
      });
    const limit = Math.min(500, Number(query.get('limit') ?? 100));
    const from = Number(query.get('after_token') ?? 0);
    const page = results.slice(from, from + limit);
    const next = from + limit < results.length ? String(from + limit) : null;
    return json(200, { success: true, count: page.length, total: results.length, next_token: next, results: page });
  }

  protected override isTooFast(operation: string): boolean {
    const now = this.now();
    const last = this.#last.get(operation) ?? Number.NEGATIVE_INFINITY;
    if (now - last < (GAPS[operation] ?? 1_000)) return true;
    this.#last.set(operation, now);
    return false;
  }

  protected unauthorized(): Response {
    return json(404, { success: false, error: 'auth_error', msg: 'Invalid user key' });
  }

  protected tooMany(): Response {
    return new Response('API requests too frequent: endpoint threshold=4.5', { status: 429 });
  }

  protected serverError(): Response {
    return json(500, { success: false, error: 'server_error', msg: 'something went wrong' });
  }
}
