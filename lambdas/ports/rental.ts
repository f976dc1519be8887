import type { ComputeHandle } from '#domain/run.ts';

/** What an attempt cost so far, in all machines that were ever started for it. */
export interface Bill {
  readonly machines: number;
  readonly seconds: number;
  /** seconds times GPUs */
  readonly gpuSeconds: number;
  readonly usd: number;
  /** by the provider's own books, and nothing more will come */
  readonly isFinal: boolean;
}

/** A machine that is paid for, and is this plane's by its label. */
export interface RentedMachine {
  readonly provider: string;
  readonly id: string;
  readonly label: string;
  /** the attempt that it was asked for */
  readonly tag: string;
  /** milliseconds since 1970 */
  readonly askedAt: number;
}

/** What only a provider of rented machines has: they cost for as long as they are there, wanted or not. */
export interface Rental {
  readonly provider: string;
  /** Does the account open what is needed? @returns a sentence for people. @throws Error with one */
  check(): Promise<string>;
  /** Every machine of this plane's that the provider lists at this moment. */
  owned(): Promise<readonly RentedMachine[]>;
  /** The handle of such a machine, as a launch would have given it. */
  handleOf(machine: RentedMachine): Promise<ComputeHandle>;
  /** Asks for its end; gone already is fine. */
  end(machine: RentedMachine): Promise<void>;
  /** Closes what the provider's books are whole for, and what never came. @returns the attempts whose bill changed */
  settle(): Promise<readonly string[]>;
  bill(tag: string): Promise<Bill>;
  /** What the provider heard of a machine last, for a trainer that could not tell by itself. */
  lastWords(handle: ComputeHandle): Promise<readonly string[]>;
}
