/**
 * One provider of rented machines, in our words. A connector translates and nothing else: it keeps no state, repeats no request that could
 * have been heard, and reports no success. What a machine is for, whether it is still wanted and what it cost is decided above it.
 */
import type { Offer } from '#domain/offers.ts';
import type { ComputeNeed } from '#domain/run.ts';

/**
 * `creating`, `initializing`: asked for, booting, pulling the image. `running`: the machine is there, which says nothing of the training.
 * `unreachable`: the provider has lost sight of it. `stopped`, `preempted`, `broken`: it will not train any more, and may still be paid for.
 * `terminating`: on its way out. What is gone has no phase: it is null.
 */
export const MACHINE_PHASES = [
  'creating',
  'initializing',
  'running',
  'unreachable',
  'stopped',
  'preempted',
  'broken',
  'terminating',
] as const;
export type MachinePhase = (typeof MACHINE_PHASES)[number];

/** A machine as its provider lists it. */
export interface SeenMachine {
  readonly id: string;
  readonly label: string;
  readonly phase: MachinePhase;
  /** in the provider's words, for people: `EXITED` */
  readonly status: string;
  /** what the provider says to it; never anything that opens a door */
  readonly detail: string | null;
  /** milliseconds since 1970, where the provider says when it began to charge */
  readonly billedFrom: number | null;
  /** of the whole machine, where the provider says */
  readonly usdPerHour: number | null;
}

export interface Capabilities {
  /** how the image is started */
  readonly start: 'container' | 'cloud-init';
  readonly hasSpot: boolean;
  /** its list of offers is everything it ever has, out of stock included: what is not in it will not come */
  readonly listsAll: boolean;
  /** how long after a request a machine may be missing in its lists, in milliseconds */
  readonly settleMillis: number;
  /** how long after a machine's end its books are whole, in milliseconds */
  readonly booksMillis: number;
}

export interface RegistryLogin {
  readonly host: string;
  readonly username: string;
  readonly password: string;
}

/** What to start, whatever the provider. */
export interface MachineOrder {
  readonly label: string;
  /** by digest: `host/name@sha256:...` */
  readonly image: string;
  /** in place of the image's own entrypoint and arguments */
  readonly command: readonly string[];
  /** seen by everybody who may look at the machine: nothing in it is worth stealing */
  readonly environment: Readonly<Record<string, string>>;
  readonly diskGb: number;
  /** the driver's CUDA must be at least this: `13.0` */
  readonly minCuda: string;
  readonly registry: RegistryLogin | null;
}

/** The lowest prices and what to look for; the connector may list more than asked, never less. */
export interface Search {
  readonly need: ComputeNeed;
  readonly diskGb: number;
  readonly minCuda: string;
  /** of one GPU, so that a market of thousands is searched where it matters */
  readonly minGpuMemoryGb: number;
  readonly allowUnverified: boolean;
}

/** What stands in the provider's own books for a machine. */
export interface Billed {
  readonly seconds: number;
  readonly usd: number;
}

export interface BilledMachine {
  readonly id: string;
  /** milliseconds since 1970: a span around its life */
  readonly askedAt: number;
  readonly endedAt: number;
  readonly usdPerHour: number;
}

export interface Connector {
  /** as on the wire: `runpod` */
  readonly provider: string;
  /** for people: `RunPod` */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Does the key open what is needed? @returns a sentence for people. @throws ConnectorError */
  check(): Promise<string>;
  /** In any order. @throws ConnectorError */
  offers(search: Search): Promise<readonly Offer[]>;
  /** Asks once, and gives the machine's id as soon as it is known. @throws ConnectorError; `ambiguous` where it may be there all the same */
  create(order: MachineOrder, offer: Offer): Promise<string>;
  /** Every machine of the account whose label begins so, on all pages. @throws ConnectorError */
  list(labelPrefix: string): Promise<readonly SeenMachine[]>;
  /** Null where it is gone. @throws ConnectorError */
  find(id: string): Promise<SeenMachine | null>;
  /** Asks for its end; gone already is fine. @throws ConnectorError */
  terminate(id: string): Promise<void>;
  /** What a machine that is gone was charged for; null where the books have it not yet, or never. @throws ConnectorError */
  billed(machine: BilledMachine): Promise<Billed | null>;
  /** The newest lines, those of the machine's own start before those of the container. @throws ConnectorError */
  logs(id: string, lines: number): Promise<readonly string[]>;
}
