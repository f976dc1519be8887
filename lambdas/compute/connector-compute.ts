/**
 * A rented machine as a compute. The order is what survives a crash at any point, and a lost answer:
 *
 *   lease on asking -> look for the label -> choose -> label and offer into the ledger -> ask once -> id into the ledger -> handle
 *
 * Whoever comes after a crash looks for the attempt's labels first, and only then asks under a new one. A request that got no answer is
 * looked for until the provider would show it; what it started all the same is found by its label, adopted or ended. Which of two
 * machines trains is not decided here: one of them claims.
 */

import { labelPrefix, makeLabel, readLabel } from '#domain/machine-label.ts';
import { chooseOffers, describeOffer, type Offer } from '#domain/offers.ts';
import type { ComputeHandle, Run } from '#domain/run.ts';
import { attemptName } from '#domain/run-folder.ts';
import { estimateDisk, estimateMemory } from '#domain/training-memory.ts';
import {
  type Compute,
  type Launch,
  type LaunchOrder,
  type Machine,
  type Observation,
  type Reason,
  type Reservation,
  StillEnding,
} from '#ports/compute.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Rental } from '#ports/rental.ts';
import type { Clock } from '#ports/workflow.ts';
import type { Connector, RegistryLogin } from './connector.ts';
import { asConnectorError, type ConnectorError } from './connector-error.ts';
import { judgeMachine } from './judge-machine.ts';
import { LaunchLease } from './launch-lease.ts';
import { MachineLedger } from './machine-ledger.ts';
import { MachineList } from './machine-list.ts';
import { planOf } from './rental-plan.ts';
import { RentedMachines } from './rented-machines.ts';

export interface TrainerImage {
  /** by digest */
  readonly reference: string;
  /** the CUDA that it was built for, `13.0`: an older driver cannot run it */
  readonly cuda: string;
  readonly registry: RegistryLogin | null;
}

export interface ConnectorComputeOptions {
  readonly connector: Connector;
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly planeId: string;
  readonly image: TrainerImage;
  /** hosts that the provider did not verify may be taken */
  readonly allowUnverified: boolean;
  /** two characters of [0-9a-z] */
  readonly chance: () => string;
}

/** What a machine of ours runs in place of the image's own entrypoint: once, and then it waits to be ended (trainer/rented). */
const COMMAND = ['python', '-m', 'trainer.rented'];
/** A market lists dozens: after so many refusals in a row it is asked anew in a minute. */
const MAX_OFFERS_WALKED = 20;
const WALK_MILLIS = 60_000;
const LONGEST_RETRY_SECONDS = 60;

export class ConnectorCompute implements Compute {
  readonly heartbeat = 'reports';
  readonly rental: Rental;
  readonly #options: ConnectorComputeOptions;
  readonly #ledger: MachineLedger;
  readonly #lease: LaunchLease;
  readonly #list: MachineList;
  readonly #machines: RentedMachines;

  constructor(options: ConnectorComputeOptions) {
    const { connector, documents, clock, planeId } = options;
    this.#options = options;
    this.#ledger = new MachineLedger({ documents, clock, provider: connector.provider });
    this.#lease = new LaunchLease({ documents, clock });
    this.#list = new MachineList({ connector, documents, clock, prefix: labelPrefix(planeId) });
    this.#machines = new RentedMachines({ connector, ledger: this.#ledger, list: this.#list, clock, planeId });
    this.rental = this.#machines;
  }

  async machines(): Promise<readonly Machine[]> {
    const { connector, planeId } = this.#options;
    return (await this.#list.recent()).flatMap(({ label }) => {
      const tag = readLabel(planeId, label)?.tag;
      return tag === undefined
        ? []
        : [{ name: label, provider: connector.provider, slots: 1, busy: [tag], waiting: [], gpus: [], engines: ['hf', 'meta'] }];
    });
  }

  plan(run: Parameters<NonNullable<Compute['plan']>>[0]): ReturnType<NonNullable<Compute['plan']>> {
    return planOf(run);
  }

  async reserve(
    _tag: string,
    { compute, training, hypernetwork }: Pick<Run, 'compute' | 'training' | 'hypernetwork'>,
  ): Promise<Reservation> {
    const { connector } = this.#options;
    const refusal =
      compute.nodes > 1
        ? `${compute.nodes} nodes were asked for; ${connector.name} rents one machine at a time, and machines of different owners train nothing together`
        : compute.spot && !connector.capabilities.hasSpot
          ? `${connector.name} rents no machines that may be taken away`
          : (lyingHere(training.baseModel) ?? madeHere(hypernetwork));
    return refusal === null ? { kind: 'reserved' } : { kind: 'impossible', failure: { code: 'no_compute', message: refusal } };
  }

  async launch(order: LaunchOrder): Promise<Launch> {
    const { connector } = this.#options;
    const isOurs = await this.#lease.take(order.tag, connector.capabilities.settleMillis);
    if (!isOurs) return waitFor('provider', `a machine was asked for at ${connector.name} a moment ago, and is looked for`);
    const launch = await this.#launchAlone(order).catch((error: unknown) => this.#explain(error));
    if (!('isUnknown' in launch)) await this.#lease.free(order.tag);
    return launch;
  }

  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    const id = handle?.['machine'];
    if (typeof id !== 'string') {
      const [machine] = await this.#machines.carrying(tag);
      if (machine) return { liveness: 'alive', handle: machine.handle };
      // Claimed, and not in the provider's list yet: whether it lives, its reports tell.
      return { liveness: handle === null ? 'gone' : 'alive' };
    }
    const listed = (await this.#list.recent()).find((machine) => machine.id === id);
    const machine = listed ?? (await this.#options.connector.find(id)); // a list may lag, one look at it does not
    if (machine !== null) await this.#machines.note(tag, machine);
    return judgeMachine(this.#options.connector.name, machine);
  }

  async terminate(tag: string, handle: ComputeHandle | null): Promise<void> {
    const left = await this.#machines.endAll(tag, handle);
    if (left.length > 0) throw new StillEnding(`${this.#options.connector.name} machine ${left.join(', ')}`);
  }

  async release(): Promise<void> {}

  async #launchAlone(order: LaunchOrder): Promise<Launch> {
    const [machine] = await this.#machines.carrying(order.tag);
    if (machine) return { kind: 'launched', handle: machine.handle };
    const { run } = order;
    const unreachable =
      run.training.dataset.kind === 'files' && run.training.dataset.files.find(({ location }) => !location.startsWith('s3://'));
    if (unreachable)
      return impossible('data_unreachable', `'${unreachable.path}' lies on the machine of the plane, where a rented one cannot read it`);
    const wish = await this.#wishOf(run);
    const { connector, allowUnverified } = this.#options;
    const offers = await connector.offers({
      need: run.compute,
      diskGb: wish.diskGb,
      minCuda: this.#options.image.cuda,
      minGpuMemoryGb: wish.memoryGb / (run.compute.gpusPerNode ?? 1),
      allowUnverified,
    });
    const chosen = chooseOffers(offers, { need: run.compute, memoryGb: wish.memoryGb, avoid: wish.avoid, allowUnverified });
    if (chosen.isHopeless && connector.capabilities.listsAll && offers.length > 0)
      return impossible('no_compute', `${connector.name} rents nothing that would do: ${chosen.refusals.join(', ')}`);
    return this.#walk(order, chosen.offers, [...chosen.refusals], wish.diskGb);
  }

  /** The cheapest first; each refusal is kept for the run's timeline. */
  async #walk(order: LaunchOrder, offers: readonly Offer[], refusals: string[], diskGb: number): Promise<Launch> {
    const { connector, clock, planeId, image, chance } = this.#options;
    const environment = await order.invite();
    const until = clock.now() + WALK_MILLIS;
    let isSoldOut = false;
    let refused = 0;
    for (const offer of offers.slice(0, MAX_OFFERS_WALKED)) {
      if (clock.now() > until) break;
      const label = makeLabel(planeId, order.tag, clock.now(), chance());
      const record = await this.#ledger.asked({
        label,
        tag: order.tag,
        askedAt: clock.now(),
        offerKey: offer.key,
        host: offer.host,
        gpuType: offer.gpuType,
        gpus: offer.gpus,
        region: offer.region,
        spot: offer.spot,
        usdPerHour: offer.usdPerHour,
      });
      try {
        const id = await connector.create(
          {
            label,
            image: image.reference,
            command: COMMAND,
            environment: { ...environment, TUNEPLANE_MACHINE: label },
            diskGb,
            minCuda: image.cuda,
            registry: image.registry,
          },
          offer,
        );
        const live = await this.#ledger.live(record, id);
        return { kind: 'launched', handle: this.#machines.toHandle(live), refusals };
      } catch (error) {
        const refusal = asConnectorError(error);
        if (refusal === null) throw error;
        if (refusal.fault === 'ambiguous') return this.#unknown(refusal, refusals);
        if (refusal.leaves === null) await this.#ledger.never(record);
        else await this.#machines.endLeftover(record, refusal.leaves);
        if (refusal.fault !== 'no-capacity' && refusal.fault !== 'invalid') throw error;
        refused += 1;
        isSoldOut ||= refusal.fault === 'no-capacity';
        refusals.push(`${describeOffer(offer)}: ${refusal.message}`);
      }
    }
    const last = refusals.at(-1) ?? 'nothing is offered';
    // A provider may say "no capacity" in the words of a broken rule; that every offer breaks one is more than the market.
    const waits =
      refused > 0 && !isSoldOut
        ? waitFor(
            'provider',
            `${connector.name} refuses what is asked of it: ${last}`,
            'correct what it names, the image most of all: it is asked again every minute',
          )
        : waitFor('capacity', `${connector.name} has no machine for it now: ${last}`);
    return { ...waits, refusals };
  }

  /** It may be there: nobody asks again until it would have shown. */
  #unknown({ message }: ConnectorError, refusals: readonly string[]): Launch & { isUnknown: true } {
    return {
      ...waitFor('provider', `${message}; whether it started a machine is looked for before another is asked for`),
      refusals,
      isUnknown: true,
    };
  }

  /** What a provider says that is no answer about an offer: the run waits, and says for what. */
  #explain(error: unknown): Launch {
    const refusal = asConnectorError(error);
    if (refusal === null) throw error;
    switch (refusal.fault) {
      case 'quota':
        return waitFor('quota', `${this.#options.connector.name}: ${refusal.message}`, 'raise the limit of the account, or its balance');
      case 'auth':
        return waitFor('provider', refusal.message, 'set a key that may list, create and end machines: the run goes on by itself');
      case 'rate-limited':
        return {
          ...waitFor('provider', refusal.message, 'it is asked again as soon as it may be'),
          retrySeconds: Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil((refusal.retryAfterMillis ?? 0) / 1_000))),
        };
      case 'unavailable':
        return waitFor('provider', refusal.message, 'it is asked again every minute');
      default:
        throw error;
    }
  }

  async #wishOf(run: Run): Promise<{ memoryGb: number; diskGb: number; avoid: Set<string> }> {
    const { gigabytes, parameters } = estimateMemory(run.training);
    const unfit = run.pastAttempts.filter(({ code }) => code === 'machine_unfit' || code === 'supervisor_lost');
    const records = await Promise.all(unfit.map(({ number }) => this.#ledger.of(attemptName(run.id, number))));
    return {
      memoryGb: run.compute.gpuMemoryGb ?? gigabytes,
      diskGb: estimateDisk(run.training, parameters),
      avoid: new Set(records.flat().map(({ host, offerKey }) => host ?? offerKey)),
    };
  }
}

/** A base that a rented machine cannot read. */
function lyingHere(base: Run['training']['baseModel']): string | null {
  const folder = base.kind === 'path' ? base.path : base.kind === 'made' ? base.folder : null;
  if (folder === null || folder.startsWith('s3://')) return null;
  return `the base '${folder}' lies on the machine of the plane: a rented one takes its base from the hub, or from the store`;
}

/** Likewise a hypernetwork. */
function madeHere(hypernetwork: Run['hypernetwork']): string | null {
  if (hypernetwork?.kind !== 'run' || hypernetwork.folder.startsWith('s3://')) return null;
  const lies = `the hypernetwork of ${hypernetwork.runId} lies on the machine of the plane`;
  return `${lies}: a rented one takes it from the store; make the adapter with provider local`;
}

const waitFor = (
  code: Reason['code'],
  sentence: string,
  remedy = 'it is asked for again every minute',
): Extract<Launch, { kind: 'no-capacity' }> => ({
  kind: 'no-capacity',
  waiting: { code, sentence, remedy },
});

const impossible = (code: string, message: string): Launch => ({ kind: 'impossible', failure: { code, message } });
