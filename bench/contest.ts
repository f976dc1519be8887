/** Both servers under the same load, in turns: what the machine does meanwhile hits one as much as the other. */
import * as z from 'zod';
import { type Api, createOf, readOf } from './apis.ts';
import type { Contestant } from './contestants.ts';
import { type LoadFigures, median, runLoad } from './load.ts';

/** Bounds the memory of both servers, whatever the speed: 20,000 a stretch. */
const MAX_REQUESTS = 20_000;
/** Ids that the gets go round: as many as fit any cache, so that nobody wins by one. */
const KEPT_IDS = 500;
const WARM_UP_MILLISECONDS = 1_000;

export const CASES = ['create c1', 'create c16', 'create c16 with key', 'get c1', 'get c16'] as const;
export type Case = (typeof CASES)[number];
/** What every API is measured by. */
export const API_CASES = ['create c16', 'get c16'] as const;

export interface CaseFigures extends Omit<LoadFigures, 'requests'> {
  /** of the server; null where the system does not tell */
  readonly cpuMicrosPerRequest: number | null;
}

export type ContestFigures = Readonly<Record<'plane' | 'peer', Readonly<Partial<Record<Case, CaseFigures>>>>>;

const createdSchema = z.record(z.string(), z.unknown());

class Bout {
  readonly #contestant: Contestant;
  readonly #api: Api;
  readonly #ids: string[] = [];
  #creates = 0;
  #gets = 0;

  constructor(contestant: Contestant, api: Api) {
    this.#contestant = contestant;
    this.#api = api;
  }

  async run(name: Case, milliseconds: number): Promise<CaseFigures> {
    const { server } = this.#contestant;
    const creates = name.startsWith('create');
    const withKey = name.endsWith('key');
    await server.untilQuiet(); // the plane goes on preparing runs after it has answered: no stretch pays for another
    const before = server.cpuMicros();
    const figures = await runLoad({
      port: server.port,
      connections: name.includes('c16') ? 16 : 1,
      milliseconds,
      maxRequests: MAX_REQUESTS,
      expectedStatus: creates ? this.#api.create.status : 200,
      nextRequest: () => (creates ? this.#nextCreate(withKey) : this.#nextGet()),
      onAnswer: ({ body }) => {
        if (creates && this.#ids.length < KEPT_IDS) this.#ids.push(String(createdSchema.parse(JSON.parse(body.toString()))[this.#api.id]));
      },
    });
    const after = server.cpuMicros();
    return { ...figures, cpuMicrosPerRequest: before === null || after === null ? null : (after - before) / figures.requests };
  }

  #nextCreate(withKey: boolean): Buffer {
    const index = this.#creates++;
    return this.#contestant.toBytes(createOf(this.#api, index, withKey ? { 'Idempotency-Key': `bench-${index}` } : {}));
  }

  #nextGet(): Buffer {
    return this.#contestant.toBytes(readOf(this.#api, this.#ids[this.#gets++ % this.#ids.length] ?? ''));
  }
}

export interface ContestOptions {
  readonly rounds: number;
  readonly milliseconds: number;
  readonly api: Api;
  readonly cases: readonly Case[];
}

/** @returns the median of the rounds for every figure; `min` is the least of all rounds */
export async function measureContest(
  { plane, peer }: { readonly plane: Contestant; readonly peer: Contestant },
  { rounds, milliseconds, api, cases }: ContestOptions,
): Promise<ContestFigures> {
  const bouts = { plane: new Bout(plane, api), peer: new Bout(peer, api) };
  const seen = { plane: new Map<Case, CaseFigures[]>(), peer: new Map<Case, CaseFigures[]>() };
  for (const bout of Object.values(bouts))
    for (const name of ['create c16', 'get c16'] as const) await bout.run(name, WARM_UP_MILLISECONDS);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['plane', 'peer'] as const) : (['peer', 'plane'] as const);
    for (const name of cases) {
      for (const who of order) {
        if (who === 'peer' && name === 'create c16 with key') continue; // it knows no such key
        const figures = await bouts[who].run(name, milliseconds);
        seen[who].set(name, [...(seen[who].get(name) ?? []), figures]);
      }
    }
  }
  return { plane: toMedians(seen.plane), peer: toMedians(seen.peer) };
}

function toMedians(seen: ReadonlyMap<Case, readonly CaseFigures[]>): Partial<Record<Case, CaseFigures>> {
  const medians: Partial<Record<Case, CaseFigures>> = {};
  for (const [name, rounds] of seen) {
    const cpu = rounds.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest).filter((value) => value !== null);
    medians[name] = {
      requestsPerSecond: median(rounds.map((round) => round.requestsPerSecond)),
      minMillis: Math.min(...rounds.map((round) => round.minMillis)),
      p50Millis: median(rounds.map((round) => round.p50Millis)),
      p99Millis: median(rounds.map((round) => round.p99Millis)),
      cpuMicrosPerRequest: cpu.length === 0 ? null : median(cpu),
    };
  }
  return medians;
}
