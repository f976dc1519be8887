/** What operations need of the world, in our words. Two sets of implementations meet it: `local/` and `aws/`; one contract suite runs against both. */

import type { MachineTokenKind } from '#domain/machine-tokens.ts';
import type { ComputeHandle, Run, RunEvent, RunProgress, RunView, Waiting } from '#domain/run.ts';
import type { Dataset, StoredFile } from '#domain/run-folder.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import type { Standing } from '#domain/run-standing.ts';
import type { WorkerReport } from '#domain/worker.ts';

/** Another writer was first: read again and decide again. */
export class VersionConflict extends Error {
  constructor(runId: string) {
    super(`run ${runId} was changed by someone else`);
    this.name = 'VersionConflict';
  }
}

/** A name that was to be this run's alone is another's. */
export class NameTaken extends Error {
  readonly claim: string;

  constructor(claim: string) {
    super(`the name '${claim}' is taken`);
    this.name = 'NameTaken';
    this.claim = claim;
  }
}

/** A name that belongs to one run for ever, or until a later one takes it over. */
export interface NameClaim {
  readonly name: string;
  /** the run that may lose it to this one, because it is over; without it a name that is taken stays taken */
  readonly heldBy?: string;
}

/** An HTTP answer kept for its Idempotency-Key. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One use of an Idempotency-Key: `scope` is caller + method + path + key, `bodyHash` the SHA-256 of the body. */
export interface AnswerKey {
  readonly scope: string;
  readonly bodyHash: string;
}

export interface AnswerRecord extends AnswerKey {
  /** null while the first call is in flight */
  readonly answer: Answer | null;
  /** milliseconds since 1970 */
  readonly begunAt: number;
}

/** Stored in the transaction of the create itself, so that the answer exists exactly when the thing does. */
export interface Remembered extends AnswerKey {
  readonly answer: Answer;
}

export interface RunFilter {
  readonly state?: readonly RunState[];
  /** as `state`, and whether it has been running before */
  readonly standing?: readonly Standing[];
  readonly provider?: string;
  readonly projectId?: string;
  readonly api?: string;
}

export interface RunStore {
  /**
   * Run, names, first events and the idempotent answer in one transaction. Durable when it resolves.
   * @throws VersionConflict where the id or the answer is there already; else NameTaken
   */
  create(run: Run, events: readonly RunEvent[], remembered?: Remembered, names?: readonly NameClaim[]): Promise<void>;
  get(id: string): Promise<RunView | null>;
  /** The id of the run that has the name. */
  findByName(name: string): Promise<string | null>;
  /** Writes the record and appends its events, only where the stored version is `expectedVersion`. @throws VersionConflict */
  change(run: Run, expectedVersion: number, events: readonly RunEvent[]): Promise<void>;
  /** Takes a run and its timeline away, only where the stored version is `expectedVersion`; what the outbox still holds is handed over. @throws VersionConflict */
  remove(id: string, expectedVersion: number): Promise<void>;
  /** One conditional update: this attempt or a later one, and a higher sequence. False where a newer report was there. */
  recordProgress(id: string, progress: RunProgress): Promise<boolean>;
  /** Newest first. @param after the last id of the page before */
  list(filter: RunFilter, limit: number, after?: string): Promise<RunView[]>;
  count(filter: RunFilter): Promise<number>;
  /** Runs that are not final, oldest first, each with its state. */
  unfinished(): Promise<{ id: string; state: RunState }[]>;
  /** Ascending by sequence, above `after`. */
  events(runId: string, after: number, limit: number): Promise<RunEvent[]>;
  /**
   * The outbox: events not handed over yet, in commit order. The same ones come again until `markDelivered`.
   * @param runId of this run alone
   */
  undelivered(limit: number, runId?: string): Promise<RunEvent[]>;
  markDelivered(events: readonly RunEvent[]): Promise<void>;
}

/** Small documents: saved configs, sessions, trajectories, projects. */
export interface DocumentStore {
  /** Creates or replaces. With `remembered`, both are stored or neither. @throws VersionConflict where the answer is there already */
  put(collection: string, id: string, value: Readonly<Record<string, unknown>>, remembered?: Remembered): Promise<void>;
  /** Replaces a document whose field `version` is `expectedVersion`; the new value carries the next one. @throws VersionConflict */
  change(
    collection: string,
    id: string,
    value: Readonly<Record<string, unknown>> & { readonly version: number },
    expectedVersion: number,
  ): Promise<void>;
  get(collection: string, id: string): Promise<Record<string, unknown> | null>;
  /** Newest id first. */
  list(collection: string, limit: number, after?: string): Promise<{ id: string; value: Record<string, unknown> }[]>;
  /** Takes a document away and gives what it held: to exactly one of many callers; null to all others. */
  take(collection: string, id: string): Promise<Record<string, unknown> | null>;
  /**
   * Removes the documents of a collection whose field `expiresAt` (milliseconds since 1970) lies before. A store may remove them by itself
   * at any time after that moment, so whoever reads one looks at the field.
   */
  expire(collection: string, before: number): Promise<void>;
}

export interface AnswerStore {
  find(scope: string): Promise<AnswerRecord | null>;
  /** Marks the key as in flight. False where another call holds it; one begun before `staleBefore` (milliseconds) without an answer is taken over. */
  begin(key: AnswerKey, now: number, staleBefore: number): Promise<boolean>;
  finish(key: AnswerKey, answer: Answer): Promise<void>;
  /** The call failed before it did anything: the key may be used again. */
  forget(scope: string): Promise<void>;
  /** Removes what was begun before, in milliseconds. */
  expire(before: number): Promise<void>;
}

/** A request that anybody may make who has it. */
export interface SignedRequest {
  readonly url: string;
  /** to be sent as they are */
  readonly headers: Readonly<Record<string, string>>;
}

/** Single objects of the artifacts store, opened to whoever has the link: for machines that cannot reach the plane. */
export interface SignedObjects {
  /** Puts the object where none is; 412 where one is there already. */
  putOnce(key: string): Promise<SignedRequest>;
  get(key: string): Promise<SignedRequest>;
}

/** Run folders and nothing else. Keys have no leading slash. A put is whole or not there at all. */
export interface Artifacts {
  /** What the trainer is told: where a key lies (absolute path or s3:// URI). */
  locate(key: string): string;
  put(key: string, content: string): Promise<void>;
  /** False where the key was there already; then nothing is written. */
  putIfAbsent(key: string, content: string): Promise<boolean>;
  get(key: string): Promise<string | null>;
  /** Every key below a prefix that ends in '/', in any order, perhaps late. */
  list(prefix: string): Promise<string[]>;
  removeFolder(prefix: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** Compares size and SHA-256 of what is stored. Null when all is well, else a sentence naming the first file that differs. */
  verify(prefix: string, files: readonly StoredFile[]): Promise<string | null>;
  /**
   * Where run folders of a base that the user names are kept.
   * @param base a path below the data root, file:// or s3://
   * @returns the key that stands for it, and what the user should know; or why it cannot be
   */
  placeBase(base: string): Promise<{ readonly key: string; readonly note: string | null } | { readonly problem: string }>;
  /** Makes the finished adapter or model available under its public name. @returns a path relative to the data root, or an s3:// URI */
  publish(prefix: string, outputDir: string | null): Promise<string>;
}

/** What a run made, for those who want the bytes. */
export interface Downloads {
  /**
   * A link that fetches one stored file, for an hour, by whoever has it: absolute, or a path of this plane. It fetches those bytes or
   * none: what was changed since ends in an error.
   */
  link(key: string, file: Pick<StoredFile, 'sizeBytes' | 'sha256'>): Promise<string>;
}

/** Takes one body of exactly so many bytes with exactly that hash, by whoever has it. */
export interface UploadLink {
  /** absolute, or a path of this plane */
  readonly url: string;
  readonly method: 'PUT';
  /** to be sent as they stand */
  readonly headers: Readonly<Record<string, string>>;
  /** ISO 8601 */
  readonly expiresAt: string;
}

/** Rows that users stored here, by their SHA-256: what lies under a hash never changes. */
export interface Contents {
  put(content: string): Promise<{ sha256: string; sizeBytes: number }>;
  get(sha256: string): Promise<string | null>;
  /** The beginning of a content of any size, cut at a byte. */
  getStart(sha256: string, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null>;
  /** A link by which a content that is too large for a request is put, for an hour. */
  openUpload(sha256: string, sizeBytes: number): Promise<UploadLink>;
}

/** Values for a trainer's eyes only: those that users hand over, and the operator's that runs may name. */
export interface Secrets {
  /** Encrypts. What comes back may be stored anywhere, and opens for this run only. */
  seal(runId: string, values: Readonly<Record<string, string>>): Promise<string>;
  /** @throws Error where it was sealed for another run, or changed */
  open(runId: string, sealed: string): Promise<Record<string, string>>;
  /** What one of the operator's secrets holds now. @throws Error where it is not there */
  read(name: string): Promise<string>;
}

/** Tokens of machines beyond the plane's own process, under a key of the plane's: nothing is stored, what a token opens the record says. */
export interface MachineTokens {
  /** eight characters that tell this plane's machines from another's in the same account of a provider */
  readonly planeId: string;
  /** The same kind and subject always give the same token. */
  issue(kind: MachineTokenKind, subject: string): Promise<string>;
  /** The subject of a token that this plane issued for that kind; else null. */
  subjectOf(kind: MachineTokenKind, token: string): Promise<string | null>;
}

/** Credentials of an object store, good for an hour, limited to what one attempt needs. */
export interface StorageGrant {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** ISO 8601, UTC */
  readonly expiresAt: string;
  readonly region: string;
  /** of a store that is not Amazon's; null: the region's own */
  readonly endpoint: string | null;
}

export interface StorageGrants {
  /**
   * Read and write for this attempt's own files and the run's checkpoints, logs, metrics and artifacts; read only for its data and for
   * a base that lies in the store. Null where the run folder is a path.
   */
  for(run: Run, attempt: number): Promise<StorageGrant | null>;
}

/** Training data: names become files with sizes and hashes. */
export interface Inputs {
  pin(dataset: Dataset): Promise<{ dataset: Dataset } | { failure: { code: string; message: string } }>;
  /** A small text beside the data: a configuration. `problem` says why it cannot be read. */
  readText(path: string, maxBytes: number): Promise<{ text: string } | { problem: string }>;
  /** Where a base model that was given as a path lies, for the trainer. */
  locateModel(path: string): Promise<{ path: string } | { failure: { code: string; message: string } }>;
}

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

/** What a worker is to do. */
export interface WorkerOrders {
  /** attempts to start, those that were told before and are not held among them */
  readonly start: readonly { readonly tag: string; readonly gpus: readonly number[] }[];
  /** attempts to end, without asking */
  readonly end: readonly string[];
  /** attempts about which something became known, or that could start now: their runs are looked at */
  readonly news: readonly string[];
  /** when to come again */
  readonly waitSeconds: number;
  /** a file of the plane's machine and what it holds: who reads the same sees the plane's own folders */
  readonly mark: { readonly path: string; readonly content: string } | null;
}

/** Machines of the user's own, which ask for work. */
export interface WorkerPool {
  /** Takes up what a worker says of itself, and tells it what to do. @throws NameTaken where another machine works under its name */
  look(name: string, report: WorkerReport): Promise<WorkerOrders>;
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

/** Calls advance-run for a run, soon and again, until the run is done. */
export interface Workflow {
  start(runId: string): Promise<void>;
  /** Something happened: look at this run now. */
  nudge(runId: string): Promise<void>;
}

/** Where events go. Handed over at least once, in order per run. */
export interface EventSink {
  deliver(events: readonly RunEvent[]): Promise<void>;
}

/** Where a chunk of a run's log begins in time. */
export interface LogChunkStart {
  readonly attempt: number;
  readonly chunk: number;
  /** ISO 8601 with milliseconds: sorts as text */
  readonly firstAt: string;
}

/** One row for each 1,000 lines, so that a moment is found in a log of any length by one look-up. Times never go back along (attempt, chunk). */
export interface LogIndex {
  /** The same rows may be added as often as one likes. */
  add(runId: string, chunks: readonly LogChunkStart[]): Promise<void>;
  /** The last chunk that begins before this time; null where none does. */
  lastBefore(runId: string, time: string): Promise<LogChunkStart | null>;
  removeAll(runId: string): Promise<void>;
}

/** Hears of one run's events from the moment it was made, so that nothing falls between a read and the wait after it. */
export interface RunListener {
  /** True: something may have happened since the last call, read again. False: the time is over, or nobody waits here any more. */
  next(millis: number): Promise<boolean>;
  close(): void;
}

/** Wakes those who wait for a run's next event. It may ring for nothing; who waits reads the store. */
export interface RunBell {
  listen(runId: string): RunListener;
  /** Whether somebody waits for news of this run, and keeps waiting. */
  isFollowed(runId: string): Promise<boolean>;
}

export interface Clock {
  /** milliseconds since 1970, UTC */
  now(): number;
}

export interface Pace {
  /** by the time that an attempt has trained; the first that is not over yet counts */
  readonly reports: readonly { readonly untilSeconds: number; readonly everySeconds: number }[];
  /** what the clock's looks grow to while nothing happens */
  readonly longestLookSeconds: number;
}

export interface Settings {
  /** where a run goes that names no provider */
  readonly provider: string;
  /** all that are configured */
  readonly providers: readonly string[];
  /** the base model of a request that may name one and does not */
  readonly defaultBase: string;
  /** names of the operator's secrets that runs may name */
  readonly secrets: readonly string[];
  /** container images that requests may name, beside the configured trainer */
  readonly allowedImages: readonly string[];
  /** how often the trainer reports and the plane looks, while a run is live; the shortest of both where there is a pace */
  readonly reportSeconds: number;
  /** how reports and looks grow rarer, where they cost money; absent: they do not */
  readonly pace?: Pace;
  readonly stallSeconds: number;
  /** how long the plane waits for the claim of a reserved attempt before it launches it again */
  readonly claimSeconds: number;
  /** how long a machine may stay silent before it counts as lost */
  readonly silenceSeconds: number;
  /** how long a machine that is there may take until its trainer claims the attempt: boot, image, start */
  readonly startSeconds: number;
  /** how long a run waits for a provider without capacity before it is stopped */
  readonly capacitySeconds: number;
  /** where machines elsewhere reach this plane, `https://...` without a slash at its end; null: they do not */
  readonly publicUrl: string | null;
  /** the key below which run folders are made that nobody named a place for; default: `runs` */
  readonly runsBase?: string;
  /** what a provider that is not configured needs here, where that is known better than the table of providers has it */
  readonly providerRemedies?: Readonly<Partial<Record<string, string>>>;
}

export interface Ports {
  readonly runs: RunStore;
  readonly documents: DocumentStore;
  readonly answers: AnswerStore;
  readonly artifacts: Artifacts;
  readonly inputs: Inputs;
  readonly downloads: Downloads;
  readonly contents: Contents;
  readonly secrets: Secrets;
  readonly machineTokens: MachineTokens;
  readonly storageGrants: StorageGrants;
  /** where machines claim that cannot reach the plane; absent: they all can, or there are none */
  readonly mailboxes?: SignedObjects;
  readonly compute: Computes;
  readonly workflow: Workflow;
  readonly sink: EventSink;
  readonly bell: RunBell;
  readonly logIndex: LogIndex;
  readonly clock: Clock;
  readonly settings: Settings;
}
