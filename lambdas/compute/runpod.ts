/**
 * RunPod, REST v2 (v1 ended on 2026-11-15). Facts that shape this file, each from the document or from recorded traffic:
 *
 *   - nothing is idempotent and names are not unique; a request that got no answer is looked for by its name
 *   - "no capacity" is a 400 with prose, the same status as for a request that breaks a rule
 *   - a container whose command ends is started again, and goes on to cost: EXITED is the account's or the host's doing, never success
 *   - RUNNING is shown seconds after the request; `runtime` is null until the container runs
 *   - there are no spot pods and no time limit in v2
 *   - reads show the environment in clear, so it holds nothing worth stealing
 *   - 60 requests a minute: all machines are read by one list
 */
import * as z from 'zod';
import type { Offer } from '#domain/offers.ts';
import type { Billed, BilledMachine, Connector, MachineOrder, MachinePhase, RegistryLogin, Search, SeenMachine } from './connector.ts';
import { ConnectorError } from './connector-error.ts';
import type { ProviderAnswer, ProviderHttp } from './provider-http.ts';
import type { Pace } from './rate-gate.ts';

/** 60 requests a minute, and a little more between two: they do not arrive as far apart as they were sent. */
const PACE: Pace = { name: 'account', intervalMillis: 1_050, maxWaitMillis: 20_000 };
const LOG_MILLIS = 3_000;
const MAX_PAGES = 100;

/** Unknown fields and words pass: the live document is ahead of any copy of it. */
const podSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  runtime: z.looseObject({ uptime: z.number().nullish() }).nullish(),
  cost: z.number().nullish(),
  createdAt: z.string().nullish(),
  startedAt: z.string().nullish(),
});
const podsSchema = z.looseObject({
  pods: z.array(podSchema),
  pagination: z.looseObject({ nextCursor: z.string().nullish(), hasNextPage: z.boolean().nullish() }).nullish(),
});
const gpusSchema = z.looseObject({
  gpus: z.array(
    z.looseObject({
      id: z.string(),
      manufacturer: z.string().nullish(),
      memory: z.number(),
      secure: z.boolean(),
      price: z.looseObject({ secure: z.number() }),
      maxCount: z.looseObject({ secure: z.number() }),
      availability: z.string().nullish(),
      dataCenters: z.array(z.looseObject({ id: z.string(), availability: z.string() })).nullish(),
    }),
  ),
});
const billingSchema = z.looseObject({ records: z.array(z.looseObject({ podId: z.string(), totalAmount: z.number() })) });
const registriesSchema = z.looseObject({ registries: z.array(z.looseObject({ id: z.string(), name: z.string() })) });
const registrySchema = z.looseObject({ id: z.string() });
const logEventSchema = z.looseObject({ source: z.string(), line: z.string() });

/** A 400 that is no lack of machines. From the document's advice to read the detail. */
const BREAKS_A_RULE = /invalid|required|must|mutually exclusive|not allowed|unknown|not found/i;
const HOUR_MILLIS = 3_600_000;

export class RunPod implements Connector {
  readonly provider = 'runpod';
  readonly name = 'RunPod';
  readonly capabilities = {
    start: 'container',
    hasSpot: false,
    listsAll: true,
    settleMillis: 90_000,
    booksMillis: 2 * HOUR_MILLIS, // hourly buckets, and an hour for their making
  } as const;
  readonly #http: ProviderHttp;

  constructor(http: ProviderHttp) {
    this.#http = http;
  }

  async check(): Promise<string> {
    const pods = await this.#listAll();
    return `the key is good; ${pods.length} pod${pods.length === 1 ? '' : 's'} in the account`;
  }

  async offers({ need, minCuda }: Search): Promise<readonly Offer[]> {
    const count = need.gpusPerNode ?? 1;
    const query = new URLSearchParams({
      include: 'AVAILABILITY',
      product: 'POD',
      count: String(count),
      cloud: 'SECURE',
      minCudaVersion: minCuda,
    });
    const answer = await this.#ask('GET', `/v2/catalog/gpus?${query}`);
    const { gpus } = this.#http.read(gpusSchema, answer, 'list of GPUs');
    return gpus.flatMap(({ id, manufacturer, memory, secure, price, maxCount, dataCenters }) => {
      if (!secure || maxCount.secure < count || (manufacturer && !/nvidia/i.test(manufacturer))) return [];
      const places = dataCenters?.length ? dataCenters : [{ id: 'no data center', availability: 'NONE' }];
      return places.map(({ id: region, availability }) => ({
        key: `${id}@${region}`,
        gpuType: id,
        gpus: count,
        gpuMemoryGb: memory,
        region,
        spot: false,
        usdPerHour: price.secure * count,
        stock: stockOf(availability),
        host: null,
        usdPerGbOut: 0,
        usdPerGbIn: 0,
        isUnverified: false,
      }));
    });
  }

  async create(order: MachineOrder, offer: Offer): Promise<string> {
    const [entrypoint = '', ...cmd] = order.command;
    const registry = order.registry === null ? null : await this.#registryId(order.registry);
    const answer = await this.#http.ask({
      method: 'POST',
      path: '/v2/pods',
      makes: true,
      paces: [PACE],
      body: {
        name: order.label,
        image: order.image,
        cloud: 'SECURE',
        gpu: { id: offer.gpuType, count: offer.gpus, minCudaVersion: order.minCuda },
        dataCenterIds: [offer.region],
        disk: order.diskGb, // optional in the document; without it a machine that was found is refused with 400
        // Both shapes that `args` may have are documented; `entrypoint` and `cmd` of their own came later than the saved document.
        args: JSON.stringify({ entrypoint: [entrypoint], cmd }),
        env: order.environment,
        ports: [],
        startSsh: false,
        startJupyter: false,
        ...(registry === null ? {} : { registry }),
      },
    });
    if (answer.status === 201 || answer.status === 200) return this.#http.read(podSchema.pick({ id: true }), answer, 'new pod').id;
    throw this.#refusal(answer);
  }

  async list(labelPrefix: string): Promise<readonly SeenMachine[]> {
    return (await this.#listAll()).filter(({ label }) => label.startsWith(labelPrefix));
  }

  async find(id: string): Promise<SeenMachine | null> {
    const answer = await this.#ask('GET', `/v2/pods/${encodeURIComponent(id)}`, [404]);
    return answer.status === 404 ? null : toMachine(this.#http.read(podSchema, answer, 'pod'));
  }

  async terminate(id: string): Promise<void> {
    await this.#ask('DELETE', `/v2/pods/${encodeURIComponent(id)}`, [404]);
  }

  async billed({ id, askedAt, endedAt, usdPerHour }: BilledMachine): Promise<Billed | null> {
    const query = new URLSearchParams({
      podId: id,
      startTime: new Date(Math.floor(askedAt / HOUR_MILLIS) * HOUR_MILLIS).toISOString(),
      endTime: new Date((Math.floor(endedAt / HOUR_MILLIS) + 1) * HOUR_MILLIS).toISOString(), // without it: 400
      bucketSize: 'hour',
    });
    const { records } = this.#http.read(billingSchema, await this.#ask('GET', `/v2/billing/pods?${query}`), 'billing');
    const own = records.filter(({ podId }) => podId === id);
    if (own.length === 0 || usdPerHour <= 0) return null;
    const usd = own.reduce((sum, { totalAmount }) => sum + totalAmount, 0);
    return { usd, seconds: Math.round((usd / usdPerHour) * 3_600) };
  }

  async logs(id: string, lines: number): Promise<readonly string[]> {
    const texts = [];
    for (const source of ['system', 'container']) {
      const query = new URLSearchParams({ source, tail: String(lines) });
      texts.push(await this.#http.listen(`/v2/pods/${encodeURIComponent(id)}/logs?${query}`, [PACE], LOG_MILLIS));
    }
    return texts.flatMap(readEvents).slice(-2 * lines);
  }

  async #listAll(): Promise<SeenMachine[]> {
    const found: SeenMachine[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MAX_PAGES; page++) {
      const query: string = cursor === null ? '' : `?${new URLSearchParams({ cursor })}`;
      const { pods, pagination } = this.#http.read(podsSchema, await this.#ask('GET', `/v2/pods${query}`), 'list of pods');
      found.push(...pods.flatMap((pod) => toMachine(pod) ?? []));
      cursor = pagination?.hasNextPage === false ? null : (pagination?.nextCursor ?? null);
      if (cursor === null) return found;
    }
    throw new ConnectorError('unavailable', `RunPod's list of pods has no end after ${MAX_PAGES} pages`);
  }

  /** @throws ConnectorError for every status that is neither 2xx nor one of these */
  async #ask(method: 'GET' | 'DELETE', path: string, also: readonly number[] = []): Promise<ProviderAnswer> {
    const answer = await this.#http.ask({ method, path, paces: [PACE] });
    if (answer.status < 300 || also.includes(answer.status)) return answer;
    if (answer.status === 401 || answer.status === 403) throw this.#refusal(answer);
    throw new ConnectorError('unavailable', `RunPod answered ${answer.status}: ${this.#http.detailOf(answer)}`);
  }

  #refusal(answer: ProviderAnswer): ConnectorError {
    const detail = this.#http.detailOf(answer);
    switch (answer.status) {
      case 400:
        return new ConnectorError(BREAKS_A_RULE.test(detail) ? 'invalid' : 'no-capacity', detail);
      case 401:
        return new ConnectorError('auth', `the API key of RunPod (RUNPOD_API_KEY) is not accepted: ${detail}`);
      case 402:
        return new ConnectorError('quota', detail);
      case 403:
        return new ConnectorError('auth', `the key of RUNPOD_API_KEY may not do this: ${detail}`);
      default:
        return new ConnectorError('invalid', `RunPod answered ${answer.status}: ${detail}`);
    }
  }

  /** The login of the image's registry is an object of the account; it is made once, under a name that says what it is for. */
  async #registryId({ host, username, password }: RegistryLogin): Promise<string> {
    const name = `tuneplane-${host}-${username}`.slice(0, 60);
    const { registries } = this.#http.read(registriesSchema, await this.#ask('GET', '/v2/registries'), 'list of registries');
    const known = registries.find((registry) => registry.name === name);
    if (known) return known.id;
    const answer = await this.#http.ask({ method: 'POST', path: '/v2/registries', paces: [PACE], body: { name, username, password } });
    if (answer.status >= 300) throw this.#refusal(answer);
    return this.#http.read(registrySchema, answer, 'new registry').id;
  }
}

/** @returns null for one that is gone */
function toMachine({ id, name, status, runtime, cost, createdAt, startedAt }: z.infer<typeof podSchema>): SeenMachine | null {
  if (status === 'TERMINATED') return null;
  const from = Date.parse(startedAt ?? createdAt ?? '');
  return {
    id,
    label: name,
    phase: phaseOf(status, runtime !== null && runtime !== undefined),
    status,
    detail: null,
    billedFrom: Number.isNaN(from) ? null : from,
    usdPerHour: cost ? cost : null, // 0 once it is stopped
  };
}

function phaseOf(status: string, hasRuntime: boolean): MachinePhase {
  switch (status) {
    case 'PROVISIONING':
      return 'creating';
    case 'STARTING':
      return 'initializing';
    case 'RUNNING':
      return hasRuntime ? 'running' : 'initializing';
    case 'EXITED':
      return 'stopped';
    case 'ERROR':
      return 'broken';
    default:
      return 'unreachable'; // a word of a later document
  }
}

function stockOf(level: string): Offer['stock'] {
  switch (level) {
    case 'HIGH':
      return 'high';
    case 'MEDIUM':
      return 'medium';
    case 'LOW':
      return 'low';
    case 'NONE':
      return 'none';
    default:
      return 'unknown';
  }
}

/** Server-sent events `id: <ts>/<seq>` and `data: {ts, source, line}`; the last one may be cut off. */
function readEvents(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('data:')) return [];
    let value: unknown;
    try {
      value = JSON.parse(line.slice('data:'.length));
    } catch {
      return []; // cut off in the middle
    }
    const event = logEventSchema.safeParse(value);
    return event.success ? [`${event.data.source}: ${event.data.line}`] : [];
  });
}
