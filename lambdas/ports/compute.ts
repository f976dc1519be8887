import type { ComputeHandle, Run, Waiting } from '#domain/run.ts';
import type { Rental } from './rental.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface LaunchOrder {
  /** unique to this attempt; what carries it is this attempt */
  readonly tag: string;
  readonly run: Run;
  readonly attempt: number;
  /** where the run folder is, as `Artifacts.locate` says */
  readonly folder: string;
  /** the run's own variables, for a compute that hands them over itself; they reach the engine, and nothing that others can read */
  readonly openEnvironment: () => Promise<Readonly<Record<string, string>>>;
  /**
   * How a machine beyond this process comes to its attempt: variables that may be seen by others, a token that is used up once among them.
   * @param planeUrl where this machine reaches the plane, if it knows better than the settings
   */
  readonly invite: (planeUrl?: string) => Promise<Readonly<Record<string, string>>>;
}

/** Why something waits, and what its user can do. */
export type Reason = Pick<Waiting, 'code' | 'sentence' | 'remedy'>;

interface NoCapacity {
  readonly kind: 'no-capacity';
  readonly waiting: Reason;
  /** what each place that was asked answered, in that order */
  readonly refusals?: readonly string[];
  /** when it may be asked again, where that is known; default: in a minute */
  readonly retrySeconds?: number;
}

interface Impossible {
  readonly kind: 'impossible';
  readonly failure: { readonly code: string; readonly message: string };
}

export type Reservation = { readonly kind: 'reserved' } | NoCapacity | Impossible;

/** Without capacity nothing was started, and nothing is paid for. */
export type Launch =
  | { readonly kind: 'launched'; readonly handle: ComputeHandle; readonly refusals?: readonly string[] }
  | NoCapacity
  | Impossible;

/** `alive`: it answers, with this attempt. `silent`: nothing answers, but it may still be there. `gone`: it cannot come back. */
export type Liveness = 'alive' | 'silent' | 'gone';

export interface Observation {
  readonly liveness: Liveness;
  /** it was launched, and has no machine yet */
  readonly waiting?: Reason;
  /** what carries the tag, where it was looked for without a handle */
  readonly handle?: ComputeHandle;
  /** how it went away, where the provider tells: a code of the table of failures */
  readonly ending?: { readonly code: string; readonly message: string };
}

/** A place where attempts run, as it is now. */
export interface Machine {
  readonly name: string;
  readonly provider: string;
  /** how many runs at once */
  readonly slots: number;
  /** tags of the attempts that hold one */
  readonly busy: readonly string[];
  /** tags that wait for one, the oldest first */
  readonly waiting: readonly string[];
  readonly gpus: readonly { readonly index: number; readonly heldBy: string | null; readonly name?: string; readonly memoryGb?: number }[];
  /** frameworks that it can train with */
  readonly engines: readonly string[];
  /** what a worker says beside: */
  readonly memoryGb?: number;
  /** base models in its cache */
  readonly bases?: readonly string[];
  /** milliseconds since 1970: when it last spoke; absent where the plane sees it all the time */
  readonly seenAt?: number;
  /** it has not spoken for so long that its runs go elsewhere */
  readonly isAway?: boolean;
}

/** Asked to end, and not gone yet: ask again in a few seconds. */
export class StillEnding extends Error {
  constructor(what: string) {
    super(`${what} was asked to end, and is not gone yet`);
    this.name = 'StillEnding';
  }
}

/** One provider. */
export interface Compute {
  /** `answers`: `alive` is the trainer's own word. `reports`: only the machine is seen, and a trainer whose reports stop has fallen silent. */
  readonly heartbeat: 'answers' | 'reports';
  machines(): Promise<readonly Machine[]>;
  /** Room for an attempt, oldest tag first; the same tag asks as often as it likes. Held until `release`. */
  reserve(tag: string, run: Run): Promise<Reservation>;
  /** Starts a reserved attempt. May be called again with the same tag: what carries the tag already is taken up, and only one machine wins the claim. */
  launch(order: LaunchOrder): Promise<Launch>;
  observe(tag: string, handle: ComputeHandle | null): Promise<Observation>;
  /** Ends it without asking, descendants included, and resolves when it is gone. Gone already is fine. @throws StillEnding where that takes its time */
  terminate(tag: string, handle: ComputeHandle | null): Promise<void>;
  /** What was reserved or waited for under this tag is free again. */
  release(tag: string): Promise<void>;
  /** What it will ask for on behalf of a run, and what that will move and cost, each with its sum. Its inputs are pinned. */
  readonly plan?: (run: Pick<Run, 'training' | 'compute' | 'resumedFrom'>) => readonly Run['choices'][number][];
  readonly rental?: Rental;
  readonly pool?: WorkerPool;
}

export interface Computes {
  /** A provider that is not configured has no capacity, and says which setting it needs. */
  of(provider: string): Compute;
  all(): readonly Compute[];
}
