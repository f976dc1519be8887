/** Lambda Cloud's API 1.8.3 with what later copies and recorded traffic add: whole machines, no end by themselves, one launch in 12 seconds. */
import { type FakeMachine, FakeProvider, json } from './fake-provider.ts';
import { asList, asRecord } from './fake-runpod.ts';

const TYPES = [
  { name: 'gpu_1x_a10', gpu: 'A10 (24 GB PCIe)', cents: 75, gpus: 1, regions: ['us-east-1', 'us-west-1'] },
  { name: 'gpu_1x_h100_pcie', gpu: 'H100 (80 GB PCIe)', cents: 249, gpus: 1, regions: ['us-west-3'] },
  { name: 'gpu_8x_h100_sxm5', gpu: 'H100 (80 GB SXM5)', cents: 2_392, gpus: 8, regions: [] },
  { name: 'gpu_1x_gh200', gpu: 'GH200 (96 GB)', cents: 149, gpus: 1, regions: ['us-east-3'] },
];
/** A machine that is gone is shown as gone for so long. */
const SHOWN_MILLIS = 60_000;

export class FakeLambda extends FakeProvider {
  readonly provider = 'lambda';
  /** a machine takes so long to go */
  endingMillis = 30_000;
  readonly #keys: { id: string; name: string; public_key: string }[] = [];
  #lastAsked = Number.NEGATIVE_INFINITY;
  #lastLaunched = Number.NEGATIVE_INFINITY;

  protected operationOf(method: string, path: string): string {
    if (path.endsWith('/launch')) return 'create';
    if (path.endsWith('/terminate')) return 'terminate';
    if (path.endsWith('/instance-types')) return 'offers';
    if (path.endsWith('/audit-events')) return 'billed';
    if (path.endsWith('/ssh-keys')) return method === 'POST' ? 'add-key' : 'keys';
    return path.endsWith('/instances') ? 'list' : 'find';
  }

  protected async answer(method: string, fullPath: string, query: URLSearchParams, body: unknown): Promise<Response> {
    const path = fullPath.replace('/api/v1', '');
    if (path === '/instance-types') return data(this.#types());
    if (path === '/instance-operations/launch') return this.#launch(asRecord(body));
    if (path === '/instance-operations/terminate') return this.#terminate(asRecord(body));
    if (path === '/ssh-keys' && method === 'GET') return data(this.#keys);
    if (path === '/ssh-keys') return this.#addKey(asRecord(body));
    if (path === '/audit-events') return this.#audit(query);
    const shown = [...this.machines.values()].filter((machine) => this.#isShown(machine));
    if (path === '/instances') return data(shown.filter((machine) => this.isListed(machine)).map((machine) => this.#instance(machine)));
    const machine = shown.find(({ id }) => path === `/instances/${id}`);
    return machine ? data(this.#instance(machine)) : failure(404, 'global/object-does-not-exist', 'Specified instance does not exist.');
  }

  #types(): unknown {
    return Object.fromEntries(
      TYPES.map(({ name, gpu, cents, gpus, regions }) => [
        name,
        {
          instance_type: this.#type(name, gpu, cents, gpus),
          regions_with_capacity_available: regions.map((region) => ({ name: region, description: region })),
        },
      ]),
    );
  }

  #type(name: string, gpu: string, cents: number, gpus: number): Record<string, unknown> {
    return {
      name,
      description: `${gpus}x ${gpu}`,
      gpu_description: gpu,
      price_cents_per_hour: cents,
      specs: { vcpus: 26, memory_gib: 200, storage_gib: 1_024, gpus },
    };
  }

  #launch(wanted: Record<string, unknown>): Response {
    const keys = asList(wanted['ssh_key_names']);
    if (keys.length !== 1) return failure(400, 'global/invalid-parameters', 'Exactly one SSH key must be specified.');
    if (!this.#keys.some(({ name }) => name === keys[0]))
      return failure(404, 'global/object-does-not-exist', 'Specified SSH key does not exist.');
    if (typeof wanted['name'] !== 'string' || wanted['name'].length > 64)
      return failure(400, 'global/invalid-parameters', 'name is too long.');
    if (typeof wanted['user_data'] === 'string' && wanted['user_data'].length > 1_000_000)
      return failure(400, 'global/invalid-parameters', 'user_data is too long.');
    const type = TYPES.find(({ name }) => name === wanted['instance_type_name']);
    if (!type) return failure(400, 'global/invalid-parameters', 'Unknown instance type.');
    if (this.soldOut || !type.regions.includes(String(wanted['region_name'])))
      return failure(
        400,
        'instance-operations/launch/insufficient-capacity',
        'Not enough capacity to fulfill launch request.',
        'Choose an instance type with more availability, or try again later.',
      );
    const machine = this.add({ label: wanted['name'], usdPerHour: type.cents / 100, gpus: type.gpus, wanted }, (number) =>
      number.toString(16).padStart(32, '0'),
    );
    return data({ instance_ids: [machine.id] });
  }

  #terminate(body: Record<string, unknown>): Response {
    const machines = asList(body['instance_ids']).map((id) => this.machines.get(String(id)));
    if (machines.some((machine) => !machine || !this.#isShown(machine)))
      return failure(404, 'global/object-does-not-exist', 'Specified instance does not exist.');
    for (const machine of machines) if (machine) this.end(machine);
    return data({ terminated_instances: machines.map((machine) => machine && this.#instance(machine)) });
  }

  #instance(machine: FakeMachine): unknown {
    const { id, label, wanted, terminatedAt, lostAt, createdAt } = machine;
    const type = TYPES.find(({ name }) => name === wanted['instance_type_name']) ?? TYPES[0];
    const isActive = this.isBooted(machine);
    const status =
      terminatedAt !== null
        ? this.now() < terminatedAt + this.endingMillis
          ? 'terminating'
          : 'terminated'
        : lostAt !== null
          ? 'preempted'
          : isActive
            ? 'active'
            : 'booting';
    const off = { available: false, reason_code: 'vm-is-terminating', reason_description: '' };
    return {
      id,
      name: label,
      ...(isActive ? { ip: '198.51.100.2', private_ip: '10.0.2.100' } : {}),
      status,
      ssh_key_names: wanted['ssh_key_names'],
      file_system_names: [],
      region: { name: wanted['region_name'], description: 'somewhere' },
      instance_type: this.#type(type?.name ?? '', type?.gpu ?? '', type?.cents ?? 0, type?.gpus ?? 1),
      hostname: 'host',
      jupyter_token: 'jupyter-canary-token',
      jupyter_url: 'https://jupyter-canary.example/?token=jupyter-canary-token',
      actions: {
        migrate: off,
        rebuild: off,
        restart: { available: true },
        cold_reboot: { available: true },
        terminate: { available: true },
      },
      tags: wanted['tags'] ?? [],
      first_healthy: new Date(createdAt).toISOString(),
    };
  }

  #isShown({ terminatedAt }: FakeMachine): boolean {
    return terminatedAt === null || this.now() < terminatedAt + this.endingMillis + SHOWN_MILLIS;
  }

  #addKey({ name, public_key: key }: Record<string, unknown>): Response {
    if (typeof name !== 'string' || typeof key !== 'string' || !/^ssh-ed25519 AAAA[\w+/=]+/.test(key))
      return failure(400, 'global/invalid-parameters', 'Not a public key.');
    const added = { id: String(this.#keys.length + 1).padStart(32, '0'), name, public_key: key };
    this.#keys.push(added);
    return data(added);
  }

  #audit(query: URLSearchParams): Response {
    const [start, end] = [Date.parse(query.get('start') ?? ''), Date.parse(query.get('end') ?? '')];
    const events = [...this.machines.values()].flatMap((machine) => {
      const to = machine.lostAt ?? machine.terminatedAt;
      return [this.#event(machine, 'launched', machine.createdAt), ...(to === null ? [] : [this.#event(machine, 'terminated', to)])];
    });
    const inRange = events.filter(({ event_time: time }) => Date.parse(time) >= start && Date.parse(time) <= end);
    return data({ events: inRange, page_token: null });
  }

  #event({ id }: FakeMachine, action: string, at: number) {
    return {
      service_name: 'cloud',
      resource_name: 'instance',
      action,
      catalog_version: '2025-09-06',
      event_id: `${id.slice(0, 24)}${action.slice(0, 8)}`,
      event_time: new Date(at).toISOString(),
      actor_lrn: null,
      resource_lrns: [`lrn:cloud:instance:${id}`],
      resource_owner_lrn: null,
      request_api_key_lrn: null,
      additional_details: { instance_lrn: `lrn:cloud:instance:${id}` },
    };
  }

  protected override isTooFast(operation: string): boolean {
    const now = this.now();
    if (now - this.#lastAsked < 1_000) return true;
    if (operation === 'create' && now - this.#lastLaunched < 12_000) return true;
    this.#lastAsked = now;
    if (operation === 'create') this.#lastLaunched = now;
    return false;
  }

  protected unauthorized(): Response {
    return failure(
      401,
      'global/invalid-api-key',
      'API key was invalid, expired, or deleted.',
      'Check your API key or create a new one, then try again.',
    );
  }

  protected tooMany(): Response {
    return new Response('Too Many Requests', { status: 429 });
  }

  protected serverError(): Response {
    return failure(500, 'global/internal-error', 'An internal error occurred.');
  }
}

const data = (value: unknown): Response => json(200, { data: value });

const failure = (status: number, code: string, message: string, suggestion?: string): Response =>
  json(status, { error: { code, message, ...(suggestion === undefined ? {} : { suggestion }) } });
