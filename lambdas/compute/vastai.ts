/**
 * Vast.ai, API v0 and v1: a market of other people's machines. Facts that shape this file, each from the vendor's guides, its own command
 * line, or recorded traffic where the document is wrong:
 *
 *   - `env` is an object; the string of the document is silently not applied
 *   - a search gives at most 64 offers, so it is narrowed before it is sorted
 *   - an offer that is taken is 404 or 410; a refusal may be HTTP 200 with `success: false`, and may leave a stopped machine that costs
 *   - a container whose command ends is started again: `exited` passes, and is never success
 *   - outbid: `stopped` three times over; it bills its disk until it is destroyed
 *   - a wrong key is 404 `auth_error`; 429 is often plain text and says nothing of when
 *   - hosts are third parties: only verified ones unless the operator allows others
 *   - paths keep their trailing slash
 */
import type * as z from 'zod';
import { isOfType, type Offer } from '#domain/offers.ts';
import type { Billed, BilledMachine, Connector, MachineOrder, Search, SeenMachine } from './connector.ts';
import { ConnectorError } from './connector-error.ts';
import type { ProviderAnswer, ProviderHttp } from './provider-http.ts';
import type { Pace } from './rate-gate.ts';
import {
  COLUMNS,
  chargesSchema,
  createdSchema,
  doneSchema,
  GPU_NAMES,
  logSchema,
  offersSchema,
  oneSchema,
  pageSchema,
  refusalSchema,
  toMachine,
} from './vastai-wire.ts';

/**
 * The least time between two requests of a kind: 4.5 s, 3 s, 2 s and 1 s by the document's own examples of 429, a search 10 times a minute
 * for an address. A twentieth more of each: requests do not arrive as far apart as they were sent.
 */
const PACES = {
  search: { name: 'search', intervalMillis: 6_300, maxWaitMillis: 20_000 },
  create: { name: 'create', intervalMillis: 4_725, maxWaitMillis: 30_000 },
  destroy: { name: 'destroy', intervalMillis: 3_150, maxWaitMillis: 30_000 },
  show: { name: 'show', intervalMillis: 2_100, maxWaitMillis: 20_000 },
  list: { name: 'list', intervalMillis: 1_050, maxWaitMillis: 20_000 },
} as const satisfies Record<string, Pace>;

const PAGE = 25;
const MAX_PAGES = 100;
const MAX_OFFERS = 64;
const HOUR_SECONDS = 3_600;
/** A day at least must be left of the time for which a host offers its machine. */
const LEAST_DURATION_SECONDS = 86_400;
/** A bid at the lowest price is the first to be outbid. */
const BID_ABOVE_LOWEST = 1.25;
const LOG_TRIES = 10;

export class VastAi implements Connector {
  readonly provider = 'vastai';
  readonly name = 'Vast.ai';
  readonly capabilities = {
    start: 'container',
    hasSpot: true,
    listsAll: false,
    settleMillis: 60_000,
    booksMillis: HOUR_SECONDS * 1_000,
  } as const;
  readonly #http: ProviderHttp;
  readonly #readLog: (url: string) => Promise<string | null>;

  /** @param readLog fetches what a log link names, without the account's key; null where it is not there yet */
  constructor(http: ProviderHttp, readLog: (url: string) => Promise<string | null>) {
    this.#http = http;
    this.#readLog = readLog;
  }

  async check(): Promise<string> {
    const { instances } = await this.#page(null, 1);
    return `the key is good; ${instances.length === 0 ? 'no instance' : 'instances'} in the account`;
  }

  async offers({ need, diskGb, minCuda, minGpuMemoryGb, allowUnverified }: Search): Promise<readonly Offer[]> {
    const { gpuType, gpusPerNode, region, spot, maxUsdPerHour } = need;
    const names = gpuType === null ? [] : GPU_NAMES.filter((name) => isOfType({ gpuType: name }, gpuType));
    const answer = await this.#ask('POST', '/api/v0/bundles/', PACES.search, {
      ...(allowUnverified ? {} : { verified: { eq: true } }),
      rentable: { eq: true },
      rented: { eq: false },
      external: { eq: false },
      num_gpus: { eq: gpusPerNode ?? 1 },
      gpu_ram: { gte: Math.floor(minGpuMemoryGb * 970) }, // MB; a card of 24 GB is listed with 24,564 or less
      ...(gpuType === null ? {} : { gpu_name: { in: names.length > 0 ? names : [gpuType.replaceAll('_', ' ')] } }),
      ...(region !== null && /^[A-Z]{2}$/.test(region) ? { geolocation: { in: [region] } } : {}),
      ...(maxUsdPerHour === null || spot ? {} : { dph_total: { lte: maxUsdPerHour } }),
      reliability2: { gte: 0.98 },
      cuda_max_good: { gte: Number(minCuda) },
      compute_cap: { gte: 750 },
      inet_down: { gte: 200 },
      inet_up: { gte: 50 },
      disk_space: { gte: diskGb },
      duration: { gte: LEAST_DURATION_SECONDS },
      allocated_storage: diskGb,
      type: spot ? 'bid' : 'on-demand',
      order: [['dph_total', 'asc']],
      limit: MAX_OFFERS,
    });
    return this.#http.read(offersSchema, answer, 'search').offers.map((offer) => ({
      key: String(offer.ask_contract_id ?? offer.id),
      gpuType: offer.gpu_name,
      gpus: offer.num_gpus,
      gpuMemoryGb: offer.gpu_ram / 1_024,
      region: offer.geolocation ?? 'unknown',
      spot,
      usdPerHour: spot ? bidFor(offer.min_bid ?? offer.dph_total, offer.dph_total, maxUsdPerHour) : offer.dph_total,
      stock: 'unknown',
      host: `machine ${offer.machine_id}`,
      usdPerGbOut: offer.inet_up_cost ?? 0,
      usdPerGbIn: offer.inet_down_cost ?? 0,
      isUnverified: offer.verification !== undefined && offer.verification !== 'verified',
    }));
  }

  async create(order: MachineOrder, offer: Offer): Promise<string> {
    const { registry } = order;
    const answer = await this.#http.ask({
      method: 'PUT',
      path: `/api/v0/asks/${encodeURIComponent(offer.key)}/`,
      makes: true,
      paces: [PACES.create],
      body: {
        client_id: 'me',
        image: order.image,
        label: order.label,
        disk: order.diskGb,
        // In this mode `onstart` is the program in place of the image's entrypoint, and `args` are its arguments.
        runtype: 'args',
        onstart: '/bin/sh',
        args: ['-c', `exec ${order.command.map(quote).join(' ')}`],
        env: order.environment,
        ...(registry === null ? {} : { image_login: `-u ${registry.username} -p ${registry.password} ${registry.host}` }),
        cancel_unavail: true,
        target_state: 'running',
        ...(offer.spot ? { price: offer.usdPerHour } : {}),
      },
    });
    const created = createdSchema.safeParse(answer.body);
    const id = created.success ? (created.data.new_contract ?? null) : null;
    if (answer.status === 200 && id !== null && created.success && created.data.success !== false) return String(id);
    throw this.#refusal(answer, id === null ? null : String(id));
  }

  async list(labelPrefix: string): Promise<readonly SeenMachine[]> {
    const found: SeenMachine[] = [];
    let after: string | null = null;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { instances, next_token: next }: z.infer<typeof pageSchema> = await this.#page(after, PAGE);
      found.push(...instances.map(toMachine).filter(({ label }) => label.startsWith(labelPrefix)));
      after = next ?? null;
      if (after === null) return found;
    }
    throw new ConnectorError('unavailable', `Vast.ai's list of instances has no end after ${MAX_PAGES} pages`);
  }

  async find(id: string): Promise<SeenMachine | null> {
    const answer = await this.#ask('GET', `/api/v0/instances/${encodeURIComponent(id)}/`, PACES.show, undefined, isMissing);
    if (answer.status === 404) return null;
    const { instances } = this.#http.read(oneSchema, answer, 'instance');
    return instances === null ? null : toMachine(instances);
  }

  async terminate(id: string): Promise<void> {
    const answer = await this.#ask('DELETE', `/api/v0/instances/${encodeURIComponent(id)}/`, PACES.destroy, undefined, isMissing);
    if (answer.status === 404) return;
    const { success } = this.#http.read(doneSchema, answer, 'answer to a destroy');
    if (success !== true) throw new ConnectorError('unavailable', `Vast.ai did not destroy instance ${id}: ${this.#http.detailOf(answer)}`);
  }

  async billed({ id, askedAt, endedAt }: BilledMachine): Promise<Billed | null> {
    const day = { gte: Math.floor(askedAt / 1_000) - HOUR_SECONDS, lte: Math.ceil(endedAt / 1_000) + HOUR_SECONDS };
    let after: string | null = null;
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = new URLSearchParams({
        select_filters: JSON.stringify({ day, type: { in: ['instance'] } }),
        limit: '500',
        ...(after === null ? {} : { after_token: after }),
      });
      const answer = await this.#ask('GET', `/api/v0/charges/?${query}`, PACES.list);
      const { results, next_token: next }: z.infer<typeof chargesSchema> = this.#http.read(chargesSchema, answer, 'charges');
      const own = results.find(({ source }) => source === `instance-${id}`);
      const gpu = own?.items.find(({ type }) => type === 'gpu');
      if (own && gpu) return { seconds: gpu.end - gpu.start, usd: own.amount };
      after = next ?? null;
      if (after === null) return null;
    }
    return null;
  }

  async logs(id: string, lines: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (const daemon of [true, false]) {
      const path = `/api/v0/instances/request_logs/${encodeURIComponent(id)}/`;
      const answer = await this.#ask('PUT', path, PACES.list, { tail: String(lines), ...(daemon ? { daemon_logs: 'true' } : {}) });
      const { result_url: url } = this.#http.read(logSchema, answer, 'link to its logs');
      for (let tries = 0; tries < LOG_TRIES; tries++) {
        const text = await this.#readLog(url); // the link is there before the file is
        if (text === null) continue;
        found.push(...text.split('\n').filter((line) => line.trim() !== ''));
        break;
      }
    }
    return found.slice(-2 * lines);
  }

  async #page(after: string | null, limit: number): Promise<z.infer<typeof pageSchema>> {
    const query = new URLSearchParams({ limit: String(limit), select_cols: JSON.stringify(COLUMNS) });
    if (after !== null) query.set('after_token', after);
    return this.#http.read(pageSchema, await this.#ask('GET', `/api/v1/instances/?${query}`, PACES.list), 'list of instances');
  }

  /** @throws ConnectorError for every status that is neither 2xx nor taken by `also` */
  async #ask(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    pace: Pace,
    body?: unknown,
    also: (answer: ProviderAnswer) => boolean = () => false,
  ): Promise<ProviderAnswer> {
    const answer = await this.#http.ask({ method, path, paces: [pace], ...(body === undefined ? {} : { body }) });
    if (answer.status < 300 || also(answer)) return answer;
    const refusal = this.#refusal(answer, null);
    throw refusal.fault === 'auth' ? refusal : new ConnectorError('unavailable', `Vast.ai answered ${answer.status}: ${refusal.message}`);
  }

  #refusal(answer: ProviderAnswer, leaves: string | null): ConnectorError {
    const detail = this.#http.detailOf(answer);
    const code = codeOf(answer);
    if (code === 'auth_error' || answer.status === 401)
      return new ConnectorError('auth', `the API key of Vast.ai (VASTAI_API_KEY) is not accepted: ${detail}`);
    if (/credit|balance|billing/i.test(detail)) return new ConnectorError('quota', detail, { leaves });
    // `invalid_args` stands in the document's examples of 403 and 404 as well: only a 400 is about what was asked.
    if (answer.status === 400 && code !== 'invalid_price') return new ConnectorError('invalid', detail, { leaves });
    return new ConnectorError('no-capacity', detail, { leaves });
  }
}

function codeOf({ body }: ProviderAnswer): string | null {
  const parsed = refusalSchema.safeParse(body);
  return parsed.success && typeof parsed.data.error === 'string' ? parsed.data.error : null;
}

const isMissing = (answer: ProviderAnswer): boolean => answer.status === 404 && codeOf(answer) !== 'auth_error';

/** What is bid is what is paid: above the lowest price, never above what the machine costs for good, nor above the user's own limit. */
const bidFor = (lowest: number, onDemand: number, limit: number | null): number =>
  Math.max(lowest, Math.min(lowest * BID_ABOVE_LOWEST, onDemand, limit ?? Number.POSITIVE_INFINITY));

const quote = (word: string): string => (/^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
