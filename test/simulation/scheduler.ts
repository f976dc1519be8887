/**
 * One thread, one clock, one source of chance. Whatever a simulated process asks of the world waits here until the scheduler lets it
 * happen; what is let happen next, and what goes wrong with it, is decided by the seed alone, so that a seed replays exactly.
 *
 * A process that dies is never answered again: what it was in the middle of stays undone, as after SIGKILL.
 */
import { EPOCH } from '../support/builders.ts';
import type { Random } from './random.ts';

export interface Process {
  readonly name: string;
  isAlive: boolean;
  /** milliseconds that its clock is off */
  readonly skew: number;
}

/** Of a port call that did not come back well; whether it took effect is not known to the caller. */
export class SimulatedFault extends Error {}

interface Call {
  readonly process: Process;
  readonly name: string;
  readonly effect: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly ring: () => void;
}

export interface Chances {
  /** of each call, 0 to 1 */
  readonly crash: number;
  readonly fault: number;
}

const RUN_ID = /run_[0-9a-z]{26}/g;
/** A slow call: the clock may go on by so much while it waits. */
const SLOW_MILLIS = 5_000;

export class Scheduler {
  now = EPOCH;
  steps = 0;
  chances: Chances;
  readonly random: Random;
  readonly trace: string[] | null;
  /** called with the process that a fault killed */
  onCrash: (process: Process) => void = () => {};
  readonly #calls: Call[] = [];
  readonly #timers: Timer[] = [];
  readonly #names = new Map<string, string>();
  #order = 0;

  constructor(random: Random, chances: Chances, isTraced: boolean) {
    this.random = random;
    this.chances = chances;
    this.trace = isTraced ? [] : null;
  }

  /** Lets a process ask for something. @param effect what it does to the world, all at once */
  call<Result>(process: Process, name: string, effect: () => Result): Promise<Result> {
    if (!process.isAlive) return new Promise(() => {});
    return new Promise((resolve, reject) =>
      this.#calls.push({ process, name, effect, resolve: resolve as (value: never) => void, reject }),
    );
  }

  at(millis: number, ring: () => void): void {
    const timer = { at: millis, order: this.#order++, ring };
    let index = this.#timers.length;
    while (index > 0 && isLater(this.#timers[index - 1], timer)) index -= 1;
    this.#timers.splice(index, 0, timer);
  }

  after(millis: number, ring: () => void): void {
    this.at(this.now + millis, ring);
  }

  kill(process: Process, why: string): void {
    if (!process.isAlive) return;
    process.isAlive = false;
    this.#say(`${process.name} dies: ${why}`);
    this.onCrash(process);
  }

  say(sentence: () => string): void {
    if (this.trace) this.#say(sentence());
  }

  /** Goes on until `isDone`, or nothing is left to happen. @returns false where the limits came first */
  async run(
    isDone: () => boolean,
    { untilMillis, maxSteps }: { readonly untilMillis: number; readonly maxSteps: number },
  ): Promise<boolean> {
    for (const last = this.steps + maxSteps; this.steps < last; ) {
      await settle();
      if (isDone()) return true;
      const timer = this.#timers[0];
      const isSlow = timer !== undefined && timer.at <= this.now + SLOW_MILLIS && this.random.chance(0.05);
      if (this.#calls.length > 0 && !isSlow) {
        this.steps += 1;
        this.#happen(this.random.takeFrom(this.#calls));
      } else if (timer !== undefined && timer.at <= untilMillis) {
        this.steps += 1;
        this.#timers.shift();
        this.now = Math.max(this.now, timer.at);
        timer.ring();
      } else return false;
    }
    return false;
  }

  #happen(call: Call): void {
    if (!call.process.isAlive) return;
    const fate = this.random.next();
    const { crash, fault } = this.chances;
    if (fate < crash / 2) this.kill(call.process, `before ${call.name}`);
    else if (fate < crash / 2 + fault / 2) call.reject(new SimulatedFault(`${call.name} failed`));
    else this.#takeEffect(call, fate);
  }

  #takeEffect({ process, name, effect, resolve, reject }: Call, fate: number): void {
    const { crash, fault } = this.chances;
    let result: unknown;
    try {
      result = effect();
    } catch (error) {
      this.say(() => `${process.name} ${name}: ${error instanceof Error ? error.message : error}`);
      reject(error);
      return;
    }
    this.say(() => `${process.name} ${name}`);
    if (fate > 1 - crash / 2) this.kill(process, `after ${name}`);
    else if (fate > 1 - crash / 2 - fault / 2) reject(new SimulatedFault(`the reply to ${name} was lost`));
    else resolve(result as never);
  }

  #say(sentence: string): void {
    this.trace?.push(`${((this.now - EPOCH) / 1_000).toFixed(3)} ${sentence.replaceAll(RUN_ID, (id) => this.#nameOf(id))}`);
  }

  /** Ids are made by chance that no seed governs; they decide nothing. */
  #nameOf(id: string): string {
    if (!this.#names.has(id)) this.#names.set(id, `run ${this.#names.size + 1}`);
    return this.#names.get(id) ?? id;
  }
}

/** All that follows of itself has happened: every process waits for the world again. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isLater = (a: Timer | undefined, b: Timer): boolean => a !== undefined && (a.at > b.at || (a.at === b.at && a.order > b.order));
