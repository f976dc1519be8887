/**
 * Lambda Cloud, API v1: whole virtual machines. Facts that shape this file, each from the document or from recorded traffic:
 *
 *   - a machine runs and costs until it is terminated; there is no time limit, no stop, no spot market, and a guest's shutdown ends nothing
 *   - one request a second for the account, and one launch in 12 seconds
 *   - a region that is listed with capacity still refuses (3 of 11 launches in one record): every offer is only a hint
 *   - there is no container: a script given as user data pulls the image and runs it once (`container-script.ts`)
 *   - exactly one SSH key must be named. One is registered for the account whose private half nobody has: no machine is logged into
 *   - rows of instances hold logins (`jupyter_token`), so no answer is ever logged or kept
 */
import { generateKeyPairSync } from 'node:crypto';
import * as z from 'zod';
import type { Offer } from '#domain/offers.ts';
import type { Billed, BilledMachine, Connector, MachineOrder, MachinePhase, Search, SeenMachine } from './connector.ts';
import { ConnectorError } from './connector-error.ts';
import { containerScript } from './container-script.ts';
import type { ProviderAnswer, ProviderHttp } from './provider-http.ts';
import type { Pace } from './rate-gate.ts';

/** A little more than the document asks for: requests do not arrive as far apart as they were sent. */
const PACE: Pace = { name: 'account', intervalMillis: 1_050, maxWaitMillis: 20_000 };
const LAUNCH_PACE: Pace = { name: 'launch', intervalMillis: 12_500, maxWaitMillis: 30_000 };
const KEY_NAME = 'tuneplane';
const MAX_PAGES = 50;

const typesSchema = z.record(
  z.string(),
  z.looseObject({
    instance_type: z.looseObject({
      name: z.string(),
      gpu_description: z.string(),
      price_cents_per_hour: z.number(),
      specs: z.looseObject({ gpus: z.number(), storage_gib: z.number() }),
      architecture: z.string().nullish(),
    }),
    regions_with_capacity_available: z.array(z.looseObject({ name: z.string() })),
  }),
);
/** Of an instance these fields and no others are looked at. */
const instanceSchema = z.object({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  instance_type: z.object({ price_cents_per_hour: z.number().nullish() }).nullish(),
  first_healthy: z.string().nullish(),
});
const launchedSchema = z.looseObject({ instance_ids: z.array(z.string()).min(1) });
const keysSchema = z.array(z.looseObject({ name: z.string() }));
const auditSchema = z.looseObject({
  events: z.array(
    z.looseObject({
      action: z.string(),
      event_time: z.string(),
      resource_lrns: z.array(z.string()),
      additional_details: z.looseObject({ instance_lrn: z.string().nullish() }).nullish(),
    }),
  ),
  page_token: z.string().nullish(),
});
const errorSchema = z.looseObject({ error: z.looseObject({ code: z.string(), message: z.string() }) });

export class LambdaCloud implements Connector {
  readonly provider = 'lambda';
  readonly name = 'Lambda Cloud';
  readonly capabilities = {
    start: 'cloud-init',
    hasSpot: false,
    listsAll: true,
    settleMillis: 90_000,
    booksMillis: 600_000,
  } as const;
  readonly #http: ProviderHttp;

  constructor(http: ProviderHttp) {
    this.#http = http;
  }

  async check(): Promise<string> {
    const machines = await this.#listAll();
    return `the key is good; ${machines.length} instance${machines.length === 1 ? '' : 's'} in the account`;
  }

  async offers({ diskGb }: Search): Promise<readonly Offer[]> {
    const types = this.#data(typesSchema, await this.#ask('GET', '/instance-types'), 'list of instance types');
    return Object.values(types).flatMap(({ instance_type: type, regions_with_capacity_available: regions }) => {
      const memory = /\((\d+) GB/.exec(type.gpu_description)?.[1];
      const isArm = /arm|aarch/i.test(type.architecture ?? '') || type.name.includes('gh200'); // the image is for x86_64
      if (memory === undefined || isArm || type.specs.storage_gib < diskGb) return [];
      const places = regions.length > 0 ? regions.map(({ name }) => name) : ['no region'];
      return places.map((region) => ({
        key: `${type.name}@${region}`,
        gpuType: type.gpu_description,
        gpus: type.specs.gpus,
        gpuMemoryGb: Number(memory),
        region,
        spot: false,
        usdPerHour: type.price_cents_per_hour / 100,
        stock: regions.length > 0 ? ('unknown' as const) : ('none' as const),
        host: null,
        usdPerGbOut: 0,
        usdPerGbIn: 0,
        isUnverified: false,
      }));
    });
  }

  async create(order: MachineOrder, offer: Offer): Promise<string> {
    await this.#ensureKey();
    const [type = '', region = ''] = offer.key.split('@');
    const answer = await this.#http.ask({
      method: 'POST',
      path: '/instance-operations/launch',
      makes: true,
      paces: [PACE, LAUNCH_PACE],
      body: {
        region_name: region,
        instance_type_name: type,
        ssh_key_names: [KEY_NAME],
        name: order.label,
        tags: [{ key: 'tuneplane', value: order.label }],
        user_data: containerScript(order),
      },
    });
    if (answer.status >= 300) throw this.#refusal(answer);
    const { instance_ids: ids } = this.#data(launchedSchema, answer, 'new instance');
    return ids[0] ?? '';
  }

  async list(labelPrefix: string): Promise<readonly SeenMachine[]> {
    return (await this.#listAll()).filter(({ label }) => label.startsWith(labelPrefix));
  }

  async find(id: string): Promise<SeenMachine | null> {
    const answer = await this.#ask('GET', `/instances/${encodeURIComponent(id)}`, undefined, [404]);
    return answer.status === 404 ? null : toMachine(this.#data(instanceSchema, answer, 'instance'));
  }

  async terminate(id: string): Promise<void> {
    const answer = await this.#http.ask({
      method: 'POST',
      path: '/instance-operations/terminate',
      paces: [PACE],
      body: { instance_ids: [id] },
    });
    if (answer.status < 300 || codeOf(answer) === 'global/object-does-not-exist') return;
    throw this.#refusal(answer);
  }

  /**
   * From the account's audit log. The document names neither the actions nor the type of an instance's events, so an event is known by
   * the instance that it is about, and by its verb.
   */
  async billed({ id, askedAt, endedAt, usdPerHour }: BilledMachine): Promise<Billed | null> {
    const margin = 600_000;
    let page: string | null = null;
    let from: number | null = null;
    let to: number | null = null;
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const query = new URLSearchParams({
        start: new Date(askedAt - margin).toISOString(),
        end: new Date(endedAt + margin).toISOString(),
        ...(page === null ? {} : { page_token: page }),
      });
      const answer = await this.#ask('GET', `/audit-events?${query}`);
      const { events, page_token: next }: z.infer<typeof auditSchema> = this.#data(auditSchema, answer, 'audit log');
      for (const { action, event_time: time, resource_lrns: lrns, additional_details: details } of events) {
        if (![...lrns, details?.instance_lrn].some((lrn) => lrn?.endsWith(`:${id}`))) continue;
        if (/launch|creat|healthy/i.test(action)) from = Math.max(from ?? 0, Date.parse(time));
        else if (/terminat|delet|destroy/i.test(action)) to = Date.parse(time);
      }
      page = next ?? null;
      if (page === null) break;
    }
    if (from === null || to === null) return null;
    const seconds = Math.round((to - from) / 1_000);
    return { seconds, usd: (seconds * usdPerHour) / 3_600 };
  }

  /** It has none: what a machine has to say it says in the run's own log. */
  async logs(): Promise<readonly string[]> {
    return [];
  }

  async #listAll(): Promise<SeenMachine[]> {
    const instances = this.#data(z.array(instanceSchema), await this.#ask('GET', '/instances'), 'list of instances');
    return instances.flatMap((instance) => toMachine(instance) ?? []);
  }

  async #ensureKey(): Promise<void> {
    const keys = this.#data(keysSchema, await this.#ask('GET', '/ssh-keys'), 'list of SSH keys');
    if (keys.some(({ name }) => name === KEY_NAME)) return;
    const answer = await this.#http.ask({
      method: 'POST',
      path: '/ssh-keys',
      paces: [PACE],
      body: { name: KEY_NAME, public_key: throwAwayKey() },
    });
    if (answer.status >= 300 && codeOf(answer) !== 'global/duplicate') throw this.#refusal(answer);
  }

  /** @throws ConnectorError for every status that is neither 2xx nor one of these */
  async #ask(method: 'GET' | 'POST', path: string, body?: unknown, also: readonly number[] = []): Promise<ProviderAnswer> {
    const answer = await this.#http.ask({ method, path, paces: [PACE], ...(body === undefined ? {} : { body }) });
    if (answer.status < 300 || also.includes(answer.status)) return answer;
    const refusal = this.#refusal(answer);
    throw refusal.fault === 'auth' ? refusal : new ConnectorError('unavailable', refusal.message);
  }

  #data<T>(schema: z.ZodType<T>, answer: ProviderAnswer, what: string): T {
    return this.#http.read(z.looseObject({ data: schema }), answer, what).data;
  }

  #refusal(answer: ProviderAnswer): ConnectorError {
    const code = codeOf(answer);
    const detail = this.#http.detailOf(answer);
    if (code?.endsWith('/insufficient-capacity')) return new ConnectorError('no-capacity', detail);
    if (code === 'global/quota-exceeded') return new ConnectorError('quota', detail);
    if (code === 'global/invalid-api-key' || answer.status === 401)
      return new ConnectorError('auth', `the API key of Lambda Cloud (LAMBDA_API_KEY) is not accepted: ${detail}`);
    if (code === 'global/account-inactive' || code === 'global/invalid-address' || answer.status === 403)
      return new ConnectorError('quota', detail);
    if (code?.startsWith('provider/')) return new ConnectorError('ambiguous', detail);
    return new ConnectorError('invalid', `Lambda Cloud answered ${answer.status} ${code ?? ''}: ${detail}`);
  }
}

function codeOf({ body }: ProviderAnswer): string | null {
  const parsed = errorSchema.safeParse(body);
  return parsed.success ? parsed.data.error.code : null;
}

/** @returns null for one that is gone */
function toMachine({ id, name, status, instance_type: type, first_healthy: healthy }: z.infer<typeof instanceSchema>): SeenMachine | null {
  if (status === 'terminated') return null;
  const from = Date.parse(healthy ?? '');
  const cents = type?.price_cents_per_hour ?? null;
  return {
    id,
    label: name ?? '',
    phase: phaseOf(status),
    status,
    detail: null,
    billedFrom: Number.isNaN(from) ? null : from,
    usdPerHour: cents === null ? null : cents / 100,
  };
}

function phaseOf(status: string): MachinePhase {
  switch (status) {
    case 'booting':
      return 'initializing';
    case 'active':
      return 'running';
    case 'preempted':
      return 'preempted';
    case 'terminating':
      return 'terminating';
    default:
      return 'unreachable'; // unhealthy, and words of a later document: the trainer's own reports decide
  }
}

/** An OpenSSH public key (RFC 8709) whose private half is forgotten here. */
function throwAwayKey(): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const type = 'ssh-ed25519';
  return `${type} ${Buffer.concat([field(Buffer.from(type)), field(raw)]).toString('base64')} ${KEY_NAME}`;
}
