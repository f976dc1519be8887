/**
 * What real AWS does and an emulator does not, imposed on clients of the SDK: a rule is a page of AWS and what follows from it. Suites of
 * adapters run twice, plainly and behind all of these (`describeBoth`); an adapter that holds only where AWS is kind does not pass.
 *
 * A rule is imposed on a whole request, before the SDK tries it again by itself, or on one try of it. Faults of a single try come once a
 * request at most: more of them are what the SDK is for, and would be tests of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { DomainError } from '#domain/errors.ts';
import { DYNAMODB_RULES } from './dynamodb-rules.ts';
import { S3_RULES } from './s3-rules.ts';
import { SERVICE_RULES } from './service-rules.ts';

export interface Request {
  readonly operation: string;
  /** as it goes out */
  readonly input: Readonly<Record<string, unknown>>;
}
export type Output = Record<string, unknown>;
/** @param input in place of what was asked */
export type Send = (input?: Readonly<Record<string, unknown>>) => Promise<Output>;

export interface Dice {
  /** True in so many cases of 1; notes that the rule struck. */
  strikes(probability: number): boolean;
  /** a whole number from 0, below this */
  below(limit: number): number;
}

export interface Rule {
  /** a sentence of what AWS does */
  readonly does: string;
  /** where AWS says so */
  readonly page: string;
  /** `serviceId` of the client */
  readonly service: string;
  readonly operations: readonly string[];
  readonly on: 'request' | 'try';
  readonly impose: (request: Request, send: Send, dice: Dice) => Promise<Output>;
}

export const RULES: readonly Rule[] = [...DYNAMODB_RULES, ...S3_RULES, ...SERVICE_RULES];

/** Any client of the SDK: each has middleware of types of its own. */
interface AnyClient {
  readonly config: { readonly serviceId?: string };
  readonly middlewareStack: { add(middleware: never, options: never): void };
}
type Next = (args: object) => Promise<{ output: Output }>;
type Context = { readonly commandName?: string };

export class HostileAws {
  /** how often each rule struck, by its sentence */
  readonly struck = new Map<string, number>();
  readonly #random: () => number;
  readonly #rules: readonly Rule[];

  /** @param rules to impose; default: all */
  constructor(seed: number, rules: readonly Rule[] = RULES) {
    this.#random = randomFrom(seed);
    this.#rules = rules;
  }

  /** @returns the client itself */
  harden<Client extends AnyClient>(client: Client): Client {
    for (const rule of this.#rules.filter(({ service }) => service === client.config.serviceId)) {
      const step = rule.on === 'request' ? 'serialize' : 'deserialize';
      client.middlewareStack.add(this.#toMiddleware(rule) as never, { step, name: rule.does, priority: 'high' } as never);
    }
    return client;
  }

  #toMiddleware(rule: Rule) {
    const faulty = new WeakSet<Context>();
    return (next: Next, context: Context) => async (args: { readonly input: Readonly<Record<string, unknown>> }) => {
      const operation = String(context.commandName).replace(/Command$/, '');
      const isSpared = rule.on === 'try' && faulty.has(context);
      if (!rule.operations.includes(operation) || isSpared) return next(args);
      let answer: { output: Output } | undefined;
      const dice: Dice = {
        strikes: (probability) => {
          if (this.#random() >= probability) return false;
          this.struck.set(rule.does, (this.struck.get(rule.does) ?? 0) + 1);
          if (rule.on === 'try') faulty.add(context);
          return true;
        },
        below: (limit) => Math.floor(this.#random() * limit),
      };
      const send: Send = async (input = args.input) => {
        answer = await next({ ...args, input });
        return answer.output;
      };
      const output = await rule.impose({ operation, input: args.input }, send, dice);
      return { ...answer, output: { $metadata: {}, ...output } };
    };
  }
}

export type Harden = <Client extends AnyClient>(client: Client) => Client;

const plainly: Harden = (client) => client;

/** The same suite twice. @param suite is given what its clients have to go through, and which of the two it is */
export function describeBoth(suite: (harden: Harden, kind: 'plain' | 'hostile') => void): void {
  describe('on plain AWS', () => suite(plainly, 'plain'));
  const hostile = new HostileAws(1);
  describe('on hostile AWS', () => suite((client) => hostile.harden(client), 'hostile'));
}

/** A port as somebody uses it who is told that the plane is busy, and comes again: fifty writers of one item at once are. */
export function comingAgain<Port extends object>(port: Port): Port {
  return new Proxy(port, {
    get:
      (target, name) =>
      async (...args: never[]) => {
        const verb = Reflect.get(target, name) as (...args: never[]) => Promise<unknown>;
        for (;;) {
          try {
            return await verb.apply(target, args);
          } catch (error) {
            if (!(error instanceof DomainError && error.code === 'plane_busy')) throw error;
            await sleep(20);
          }
        }
      },
  });
}

/** mulberry32: the same numbers from 0 to 1 for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
