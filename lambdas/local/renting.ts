/** What a home has beside its own machine: the store, and the providers of rented machines that are configured whole. */
import { openRental, type RentalWorld } from '#compute/open-rental.ts';
import type { RentingProvider } from '#domain/providers.ts';
import type { Compute } from '#ports/compute.ts';
import type { Pace } from '#ports/settings.ts';
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

/** Those that lack nothing. */
export function openRentals(
  { providers, image, missing, allowUnverified }: RentingSettings,
  world: RentalWorld,
): Partial<Record<RentingProvider, Compute>> {
  if (image === null) return {};
  const whole = providers.filter(({ name }) => missing[name] === undefined);
  return Object.fromEntries(whole.map((provider) => [provider.name, openRental({ ...provider, image, allowUnverified }, world)]));
}
