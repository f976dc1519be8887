/** What a home has beside its own machine: the store, and the providers of rented machines that are configured whole. */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ConnectorCompute } from '#compute/connector-compute.ts';
import { openConnector, openGate, type RentingProvider } from '#compute/open-connectors.ts';
import type { Clock, Compute, DocumentStore, MachineTokens, Pace } from '#ports';
import type { OpenStore } from '#s3/open-store.ts';
import type { RentingSettings } from './renting-environment.ts';

/** A report is six requests to the store, and each costs: every 5 s while somebody looks, then every half minute, after an hour every minute. */
export const STORE_PACE: Pace = {
  reports: [
    { untilSeconds: 120, everySeconds: 5 },
    { untilSeconds: 3_600, everySeconds: 30 },
    { untilSeconds: Number.POSITIVE_INFINITY, everySeconds: 60 },
  ],
  // Nothing rings here when a report comes: the look is what sees it.
  longestLookSeconds: 30,
};

/** The SDK is loaded only where there is a store: it takes a third of a second. @returns null without one */
export async function openHomeStore({ store }: RentingSettings): Promise<OpenStore | null> {
  if (store === null) return null;
  const { openStore } = await import('#s3/open-store.ts');
  return openStore(store);
}

interface RentingWorld {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly machineTokens: MachineTokens;
}

/** Those that lack nothing. */
export function openRentals(
  { providers, image, missing, allowUnverified }: RentingSettings,
  world: RentingWorld,
): Partial<Record<RentingProvider, Compute>> {
  if (image === null) return {};
  const { documents, clock, machineTokens } = world;
  const whole = providers.filter(({ name }) => missing[name] === undefined);
  return Object.fromEntries(
    whole.map(({ name, key, url }) => {
      const wait = async (millis: number) => void (await pause(millis));
      const gate = openGate(name, { documents, clock, pause: wait });
      const connector = openConnector(name, key, { fetch, gate, pause: wait }, url ?? undefined);
      return [
        name,
        new ConnectorCompute({
          connector,
          documents,
          clock,
          planeId: machineTokens.planeId,
          image,
          allowUnverified,
          chance: twoCharacters,
        }),
      ];
    }),
  );
}

const twoCharacters = (): string =>
  randomInt(36 ** 2)
    .toString(36)
    .padStart(2, '0');
