/**
 * What the fake servers of the three providers have in common: machines that boot, run, are billed by the second and end, all by a clock;
 * faults that a test scripts; and a record of every exchange, to be held against the providers' own documents. Each server's own file has
 * its wire. They answer `Request` with `Response`: over HTTP for real processes, or called as they are under a clock moved by hand.
 */
import { randomBytes } from 'node:crypto';

/** `lost`: no answer comes; `error`: 500; `busy`: 429. `before` and `after`: whether the request was carried out. `refused`: no capacity. */
export const FAULTS = ['lost-before', 'lost-after', 'error-before', 'error-after', 'busy', 'refused'] as const;
export type Fault = (typeof FAULTS)[number];

export interface FakeMachine {
  readonly id: string;
  readonly label: string;
  readonly createdAt: number;
  /** of the whole machine, and that many GPUs */
  readonly usdPerHour: number;
  readonly gpus: number;
  /** as the request for it said */
  readonly wanted: Readonly<Record<string, unknown>>;
  /** when it was taken away, or stopped by its owner; billing ends there */
  lostAt: number | null;
  /** when its end was asked for; billing ends there */
  terminatedAt: number | null;
}

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly requestBody: unknown;
  readonly status: number;
  readonly responseBody: unknown;
}

/** What runs on the machines: real processes, or a trainer under a clock moved by hand. */
export interface MachineHost {
  /** The machine has booted. @returns the lines of its log, for servers that show them */
  start(machine: FakeMachine, provider: string): void;
  /** Its power is cut, or it was terminated. */
  stop(machine: FakeMachine): void;
  logOf(machine: FakeMachine): readonly string[];
}

export interface FakeProviderOptions {
  readonly now: () => number;
  readonly host: MachineHost;
  /** from the request to a machine that runs its image */
  readonly bootMillis?: number;
  readonly key?: string;
}

export interface BilledRow {
  readonly label: string;
  readonly id: string;
  readonly seconds: number;
  readonly usd: number;
}

export abstract class FakeProvider {
  abstract readonly provider: string;
  readonly key: string;
  readonly machines = new Map<string, FakeMachine>();
  readonly exchanges: Exchange[] = [];
  /** asked before each request; by the operation's name, `create`, `terminate`, `list` ... */
  nextFault: (operation: string) => Fault | null = () => null;
  /** offers that are refused although they are listed */
  soldOut = false;
  /** how long a new machine is missing in lists; asked for by its id it is there at once */
  listLagMillis = 0;
  /** the next so many ends are accepted and not carried out */
  deafEnds = 0;
  /** requests that came faster than the provider allows */
  tooFast = 0;
  protected readonly now: () => number;
  protected readonly bootMillis: number;
  readonly #host: MachineHost;
  readonly #started = new Set<string>();
  #nextId = 1;

  constructor({ now, host, bootMillis = 90_000, key }: FakeProviderOptions) {
    this.now = now;
    this.#host = host;
    this.bootMillis = bootMillis;
    this.key = key ?? `key-canary-${randomBytes(8).toString('hex')}`;
  }

  /** A request as the connector sends it. Throws where the answer is lost. */
  async handle(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    const requestBody: unknown = text === '' ? undefined : JSON.parse(text);
    const operation = this.operationOf(request.method, pathname);
    this.advance();
    if (!this.isAuthorized(request)) return this.record(request.method, pathname + search, requestBody, this.unauthorized());
    if (this.isTooFast(operation)) {
      this.tooFast += 1;
      return this.record(request.method, pathname + search, requestBody, this.tooMany());
    }
    const fault = this.nextFault(operation);
    if (fault === 'lost-before') throw new TypeError('fetch failed: the connection was reset');
    if (fault === 'error-before') return this.serverError();
    if (fault === 'busy') return this.record(request.method, pathname + search, requestBody, this.tooMany());
    const wasSoldOut = this.soldOut;
    this.soldOut ||= fault === 'refused';
    const response = await this.answer(request.method, pathname, new URLSearchParams(search), requestBody);
    this.soldOut = wasSoldOut;
    this.advance();
    if (fault === 'lost-after') throw new TypeError('fetch failed: the connection was reset');
    if (fault === 'error-after') return this.serverError();
    return this.record(request.method, pathname + search, requestBody, response);
  }

  /** Lets time act: machines that have booted since begin to run. */
  advance(): void {
    for (const machine of this.machines.values()) {
      const isUp = machine.terminatedAt === null && machine.lostAt === null;
      if (!isUp || this.#started.has(machine.id) || this.now() < machine.createdAt + this.bootMillis) continue;
      this.#started.add(machine.id);
      this.#host.start(machine, this.provider);
    }
  }

  /** Takes machines away as the provider does: outbid, a broken host, an empty account. */
  preempt(isMeant: (machine: FakeMachine) => boolean = () => true): number {
    const live = this.live().filter(isMeant);
    for (const machine of live) {
      machine.lostAt = this.now();
      this.#host.stop(machine);
    }
    return live.length;
  }

  /** Those that are there and cost, lost ones that nobody removed not among them. */
  live(): FakeMachine[] {
    return [...this.machines.values()].filter(({ terminatedAt, lostAt }) => terminatedAt === null && lostAt === null);
  }

  /** Those that nobody removed. */
  there(): FakeMachine[] {
    return [...this.machines.values()].filter(({ terminatedAt }) => terminatedAt === null);
  }

  /** The provider's own books: whole seconds from the request to the end. */
  bill(): BilledRow[] {
    return [...this.machines.values()].map((machine) => {
      const seconds = this.billedSeconds(machine);
      return { id: machine.id, label: machine.label, seconds, usd: (seconds * machine.usdPerHour) / 3_600 };
    });
  }

  /** Whether lists show it yet. */
  isListed({ createdAt }: FakeMachine): boolean {
    return this.now() >= createdAt + this.listLagMillis;
  }

  isBooted(machine: FakeMachine): boolean {
    return this.#started.has(machine.id);
  }

  protected billedSeconds({ createdAt, lostAt, terminatedAt }: FakeMachine): number {
    const end = Math.min(lostAt ?? Number.POSITIVE_INFINITY, terminatedAt ?? Number.POSITIVE_INFINITY, this.now());
    return Math.round((end - createdAt) / 1_000);
  }

  protected add(facts: Pick<FakeMachine, 'label' | 'usdPerHour' | 'gpus' | 'wanted'>, makeId: (number: number) => string): FakeMachine {
    const machine: FakeMachine = { ...facts, id: makeId(this.#nextId++), createdAt: this.now(), lostAt: null, terminatedAt: null };
    this.machines.set(machine.id, machine);
    return machine;
  }

  protected end(machine: FakeMachine): void {
    if (machine.terminatedAt !== null) return;
    if (this.deafEnds > 0) {
      this.deafEnds -= 1;
      return;
    }
    machine.terminatedAt = this.now();
    this.#host.stop(machine);
  }

  protected logOf(machine: FakeMachine): readonly string[] {
    return this.#host.logOf(machine);
  }

  protected isAuthorized(request: Request): boolean {
    return request.headers.get('authorization') === `Bearer ${this.key}`;
  }

  /** By the gap since the last request of a kind; servers that count otherwise say so. */
  protected isTooFast(_operation: string): boolean {
    return false;
  }

  protected abstract operationOf(method: string, path: string): string;
  protected abstract answer(method: string, path: string, query: URLSearchParams, body: unknown): Promise<Response>;
  protected abstract unauthorized(): Response;
  protected abstract tooMany(): Response;
  protected abstract serverError(): Response;

  private async record(method: string, path: string, requestBody: unknown, response: Response): Promise<Response> {
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const responseBody: unknown = isJson ? await response.clone().json() : undefined;
    this.exchanges.push({ method, path, requestBody, status: response.status, responseBody });
    return response;
  }
}

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
