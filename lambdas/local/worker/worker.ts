/**
 * A machine of the user's own that works for a plane somewhere: it asks for runs, starts their supervisors, and says which of them live.
 * What a supervisor needs to train it gets by its claim; all else about a run goes through the run folder, as everywhere.
 *
 *   look -> start what is ordered, end what is not wanted -> wait some seconds -> look ...
 *
 * A plane that is away is waited for, and supervisors train on meanwhile. They outlive this process too: the next start finds them by the
 * files of `held/`, written before a supervisor is started and removed when it is gone.
 */
import type * as z from 'zod';
import type { WorkerReport } from '#domain/worker.ts';
import type { workResponse } from '#surfaces/attempts/worker-schemas.ts';
import { toReport } from '#surfaces/attempts/worker-translate.ts';
import { SupervisorProcesses, type SupervisorSettings } from '../supervisor-processes.ts';
import { HeldAttempts } from './held-attempts.ts';
import { readMachine } from './machine-facts.ts';
import { askPlane, PlaneAway } from './worker-plane.ts';

type Work = z.infer<typeof workResponse>;

export interface WorkerOptions extends SupervisorSettings {
  readonly name: string;
  /** of the plane, without a slash at its end */
  readonly url: string;
  readonly token: string;
  /** how many runs at once; null: one per GPU, else one per two cores */
  readonly maxRuns: number | null;
  /** told what happens, a sentence each */
  readonly say: (sentence: string) => void;
}

/** The plane is asked again so soon where it does not answer. */
const AWAY_MILLIS = 5_000;
/** A supervisor that is interrupted saves its last checkpoint within half an hour. */
const LEAVE_MILLIS = 30 * 60_000;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #supervisors: SupervisorProcesses;
  readonly #held: HeldAttempts;
  readonly #ending = new Map<string, Promise<void>>();
  #sharesFolders = false;
  #isAway = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#supervisors = new SupervisorProcesses(options);
    this.#held = new HeldAttempts(options.home);
  }

  /**
   * Works until it is asked to leave; then everything that trains saves a checkpoint and ends, so that it goes on elsewhere, and the plane
   * is told. @throws Error with a sentence where the plane refuses it: a wrong token, a name that is another's
   */
  async run(leave: AbortSignal): Promise<void> {
    const leaving = new Promise<void>((resolve) => leave.addEventListener('abort', () => resolve(), { once: true }));
    let hasInterrupted = false;
    for (;;) {
      if (leave.aborted && !hasInterrupted) {
        hasInterrupted = true;
        await this.#interruptAll();
      }
      const report = await this.#report(leave.aborted);
      const work = await this.#look(report);
      if (leave.aborted && report.holding.length === 0 && work !== null) return;
      if (work !== null) await this.#obey(work, leave.aborted);
      const millis = work === null ? AWAY_MILLIS : work.wait_seconds * 1_000;
      await this.#wait(millis, leave.aborted ? null : leaving);
    }
  }

  async #report(isLeaving: boolean): Promise<WorkerReport> {
    return {
      instance: this.#held.instance,
      ...readMachine(this.#options),
      sharesFolders: this.#sharesFolders,
      isLeaving,
      holding: await this.#lookAtHeld(),
    };
  }

  /** What is gone is forgotten; a supervisor that is being ended is held until then. */
  async #lookAtHeld(): Promise<WorkerReport['holding']> {
    const held = await Promise.all(
      this.#held.all().map(async ({ tag, startedAt }) => ({ attempt: tag, liveness: await this.#supervisors.look(tag, startedAt) })),
    );
    const gone = held.filter(({ attempt, liveness }) => liveness === 'gone' && !this.#ending.has(attempt));
    for (const { attempt } of gone) {
      await this.#supervisors.end(attempt);
      this.#held.remove(attempt);
      this.#options.say(`attempt ${attempt} is over`);
    }
    return held.filter((one) => !gone.includes(one)).map(({ attempt, liveness }) => ({ attempt, isAlive: liveness === 'alive' }));
  }

  async #look(report: WorkerReport): Promise<Work | null> {
    const { url, token, name, say } = this.#options;
    try {
      const work = await askPlane({ url, token, name }, toReport(report));
      if (this.#isAway) say('the plane answers again');
      this.#isAway = false;
      return work;
    } catch (error) {
      if (!(error instanceof PlaneAway)) throw error;
      if (!this.#isAway) say(`${error.message}: asked again until it does${report.holding.length > 0 ? '; what trains here goes on' : ''}`);
      this.#isAway = true;
      return null;
    }
  }

  async #obey({ start, end, mark }: Work, isLeaving: boolean): Promise<void> {
    this.#sharesFolders = mark !== null && this.#held.sees(mark);
    for (const tag of end) this.#end(tag);
    for (const order of isLeaving ? [] : start) await this.#start(order);
  }

  async #start({ attempt: tag, run_id: runId, number, gpus, bootstrap_token: token }: Work['start'][number]): Promise<void> {
    if (this.#held.has(tag)) return;
    this.#held.add(tag);
    const invitation = {
      TUNEPLANE_CLAIM_URL: `${this.#options.url}/attempts/${encodeURIComponent(tag)}/claim`,
      TUNEPLANE_BOOTSTRAP_TOKEN: token,
      TUNEPLANE_MACHINE: this.#options.name,
    };
    const hasGpus = readMachine(this.#options).gpus.length > 0;
    await this.#supervisors.start({ tag, runId, attempt: number, invitation, gpus: hasGpus ? gpus : null });
    this.#options.say(`attempt ${tag} starts${gpus.length > 0 ? ` on GPU ${gpus.join(', ')}` : ''}`);
  }

  /** In its own time: the next look says when it is gone. */
  #end(tag: string): void {
    if (this.#ending.has(tag)) return;
    const ending = this.#supervisors
      .end(tag)
      .then(() => this.#held.remove(tag))
      .catch((error: unknown) =>
        this.#options.say(`attempt ${tag} cannot be ended: ${error instanceof Error ? error.message : String(error)}`),
      )
      .finally(() => this.#ending.delete(tag));
    this.#ending.set(tag, ending);
    this.#options.say(`attempt ${tag} comes to its end`);
  }

  async #interruptAll(): Promise<void> {
    const held = this.#held.all();
    if (held.length > 0)
      this.#options.say(
        `${held.length} attempt${held.length === 1 ? '' : 's'} must save a checkpoint first; once more ends at once, and leaves them running`,
      );
    for (const { tag } of held) {
      await this.#supervisors.interrupt(tag);
      setTimeout(() => this.#end(tag), LEAVE_MILLIS).unref();
    }
  }

  async #wait(millis: number, leaving: Promise<void> | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, millis);
    });
    await Promise.race([over, ...(leaving === null ? [] : [leaving])]);
    clearTimeout(timer);
  }
}
